"""The vectors are current, and a client that follows the rules ends in their expected state."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.reference_client import replay
from tests.contract.write_vectors import FOLDER, format_json, vectors

FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_reference_client_ends_in_the_expected_state(path: Path) -> None:
    vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    state = replay(vector["snapshot"], vector["frames"])

    assert _without_unexpected_fields(vector["expected"], state) == vector["expected"]
    assert set(state) == set(vector["expected"])
    assert set(state["messages"]) == set(vector["expected"]["messages"])


def test_the_files_are_what_the_code_generates() -> None:
    """`python -m tests.contract.write_vectors` writes them again."""
    files = {path.name: path.read_text(encoding="utf-8") for path in FILES}

    assert files == {f"{vector.name}.json": format_json(vector._asdict()) + "\n" for vector in vectors()}


def _without_unexpected_fields(expected: Any, state: Any) -> Any:
    """Return `state` without the fields of objects that `expected` does not mention."""
    if isinstance(expected, dict) and isinstance(state, dict):
        return {
            key: _without_unexpected_fields(expected[key], value) for key, value in state.items() if key in expected
        }
    if isinstance(expected, list) and isinstance(state, list) and len(expected) == len(state):
        return [_without_unexpected_fields(one, other) for one, other in zip(expected, state, strict=True)]
    return state
