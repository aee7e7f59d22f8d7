"""Write the files of vectors/ anew: `python -m tests.contract.write_vectors`."""

import json
from pathlib import Path
from typing import Any

from tests.contract.change_vectors import STORIES, Vector
from tests.contract.connection_vectors import CONNECTIONS
from tests.contract.ephemeral_vectors import MOMENTS
from tests.contract.reset_vectors import RESETS
from tests.contract.version_vectors import VERSIONS

FOLDER = Path(__file__).parent / "vectors"
_LINE = 140


def vectors() -> list[Vector]:
    """Return all of them."""
    return [story() for story in [*STORIES, *CONNECTIONS, *RESETS, *VERSIONS, *MOMENTS]]


def written(value: Any, indent: str = "") -> str:
    """Return `value` as JSON for people: lines are filled, and what fits on a line is on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _LINE or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {written(one, deeper)}" for key, one in value.items()]
    else:
        parts = [written(one, deeper) for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, *(deeper + filled for filled in _filled(parts, _LINE - len(deeper))), indent + closing])


def _filled(parts: list[str], width: int) -> list[str]:
    """Return `parts`, with commas between them, as lines: short ones share a line."""
    lines: list[str] = []
    for number, part in enumerate(parts):
        text = part if number == len(parts) - 1 else f"{part},"
        has_room = lines and "\n" not in lines[-1] and "\n" not in text and len(lines[-1]) + 1 + len(text) <= width
        if has_room:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def main() -> None:
    """Write every file; what is no vector any more is removed."""
    wanted = {f"{vector.name}.json": written(vector._asdict()) + "\n" for vector in vectors()}
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
