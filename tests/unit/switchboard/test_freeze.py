import signal
import subprocess
import sys

import pytest

from switchboard.provision.freeze import freeze

_COUNTS = "import sys\nwhile sys.stdin.readline(): print('.', flush=True)"


def test_a_frozen_process_answers_nothing_that_is_sent_afterwards() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _COUNTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        assert process.stdout.readline() == b".\n"
        freeze(process.pid)
        process.stdin.write(b"\n")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == b".\n"
        process.stdin.close()


def test_a_process_that_does_not_exist_cannot_be_frozen() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError):
        freeze(process.pid)
