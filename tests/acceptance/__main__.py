"""Run a corpus through the real system: python -m tests.acceptance FOLDER [--processes]."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.comparing import Difference
from tests.acceptance.corpus import Case, CorpusProblem, read_corpus
from tests.acceptance.playing import Player
from tests.acceptance.reporting import report
from tests.acceptance.surroundings import surroundings
from tests.system.running import running_system


def main() -> int:
    """Return 0 when everything is as the corpus says, 1 when it is not, 2 when the folder is no corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("folder", type=Path, help="a corpus: INDEX.json and bodies, see tests/acceptance/README.md")
    parser.add_argument("--processes", action="store_true", help="each service its own process, on RabbitMQ")
    parser.add_argument("--only", metavar="TEXT", default="", help="only bodies with TEXT in their file's name")
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
            surroundings() as environment,
            running_system(
                Path(folder), "--no-simulator", "--graph-url", "http://127.0.0.1:9", *more, environment=environment
            ) as system,
        ):
            return await Player(system).play_all(cases)


if __name__ == "__main__":
    sys.exit(main())
