"""Plays our own corpus of webhook bodies through the real system, in both orders."""

import time
from pathlib import Path

import pytest

from tests.acceptance.corpus import read_corpus
from tests.acceptance.player import Player
from tests.acceptance.report import report
from tests.system.running import running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

CORPUS = Path(__file__).parents[1] / "acceptance" / "corpus"


@pytest.mark.parametrize(
    "arguments",
    [pytest.param((), id="one process"), pytest.param(("--processes",), id="four processes", marks=pytest.mark.soak)],
)
async def test_our_corpus_matches_its_index(
    arguments: tuple[str, ...], tmp_path: Path, environment: dict[str, str]
) -> None:
    cases = read_corpus(CORPUS)
    started = time.monotonic()

    async with running_system(
        tmp_path, "--no-simulator", "--graph-url", "http://127.0.0.1:9", *arguments, environment=environment
    ) as system:
        differences = await Player(system).play_all(cases)

    assert not differences, "\n".join(report(cases, differences, seconds=time.monotonic() - started))
