"""Plays a corpus of webhook bodies through the real system: python -m tests.acceptance FOLDER [--processes]."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.comparison import Difference
from tests.acceptance.corpus import Case, CorpusProblem, read_corpus
from tests.acceptance.environment import system_environment
from tests.acceptance.player import Player
from tests.acceptance.report import report
from tests.system.running import running_system


def main() -> int:
    """Return 0 if everything matches the corpus, 1 if not, 2 if the folder is not a corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("folder", type=Path, help="a corpus: INDEX.json and bodies; see tests/acceptance/README.md")
    parser.add_argument("--processes", action="store_true", help="run each service in its own process, on RabbitMQ")
    parser.add_argument("--only", metavar="TEXT", default="", help="only bodies with TEXT in their file name")
    arguments = parser.parse_args()
    try:
        cases = [case for case in read_corpus(arguments.folder) if arguments.only in case.row.file]
    except CorpusProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    started = time.monotonic()
    differences = asyncio.run(_run(cases, processes=arguments.processes))
    for line in report(cases, differences, seconds=time.monotonic() - started):
        sys.stdout.write(f"{line}\n")
    return 1 if differences else 0


async def _run(cases: list[Case], *, processes: bool) -> list[Difference]:
    more = ["--processes"] if processes else []
    with tempfile.TemporaryDirectory(prefix="switchboard-acceptance-", ignore_cleanup_errors=True) as folder:
        async with (
            system_environment() as environment,
            running_system(
                Path(folder), "--no-simulator", "--graph-url", "http://127.0.0.1:9", *more, environment=environment
            ) as system,
        ):
            return await Player(system).play_all(cases)


if __name__ == "__main__":
    sys.exit(main())
