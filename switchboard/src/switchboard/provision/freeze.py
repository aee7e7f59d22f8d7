"""Freezing a process."""

import os
import signal
import time
from pathlib import Path

_TIMEOUT_SECONDS = 5.0


def freeze(pid: int) -> None:
    """Stop a process with SIGSTOP; return once every thread of it has stopped. SIGCONT continues it.

    `kill` returns before the signal takes effect. A thread that runs on another core can still answer a request that
    was sent after it.

    Raises:
        ProcessLookupError: there is no such process.
        TimeoutError: a thread still runs after 5 s.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not all(map(_is_stopped, Path(f"/proc/{pid}/task").glob("*/stat"))):  # none where there is no /proc
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} has not stopped within {_TIMEOUT_SECONDS:g} s")
        time.sleep(0.001)


def _is_stopped(stat: Path) -> bool:
    try:
        # proc(5): the state follows the name, which is in parentheses and may contain some.
        state = stat.read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True  # the thread has ended
    return state in {"T", "t"}
