"""The vectors are what they claim: what the real structs say, and what a client that keeps the rules makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.reference_client import replay
from tests.contract.write_vectors import FOLDER, vectors, written

FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_client_that_keeps_the_rules_ends_as_expected(path: Path) -> None:
    vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    held = replay(vector["snapshot"], vector["frames"])

    assert _as_far_as(vector["expected"], held) == vector["expected"]
    assert set(held) == set(vector["expected"])
    assert set(held["messages"]) == set(vector["expected"]["messages"])


def test_the_files_are_what_the_structs_of_now_make() -> None:
    """`python -m tests.contract.write_vectors` writes them anew."""
    held = {path.name: path.read_text(encoding="utf-8") for path in FILES}

    assert held == {f"{vector.name}.json": written(vector._asdict()) + "\n" for vector in vectors()}


def _as_far_as(expected: Any, held: Any) -> Any:
    """Return what is `held` without the fields of objects that nothing is expected of."""
    if isinstance(expected, dict) and isinstance(held, dict):
        return {key: _as_far_as(expected[key], value) for key, value in held.items() if key in expected}
    if isinstance(expected, list) and isinstance(held, list) and len(expected) == len(held):
        return [_as_far_as(one, other) for one, other in zip(expected, held, strict=True)]
    return held
