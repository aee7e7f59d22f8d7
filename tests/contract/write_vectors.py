"""Generates the files in vectors/: `python -m tests.contract.write_vectors`."""

import json
from pathlib import Path
from typing import Any

from tests.contract import change_vectors, connection_vectors, ephemeral_vectors, reset_vectors, version_vectors
from tests.contract.vector import Vector

FOLDER = Path(__file__).parent / "vectors"
_MODULES = (change_vectors, connection_vectors, reset_vectors, version_vectors, ephemeral_vectors)
_MAX_LINE_CHARACTERS = 140


def vectors() -> list[Vector]:
    """Return all vectors."""
    return [generate() for module in _MODULES for generate in module.VECTORS]


def format_json(value: Any, indent: str = "") -> str:
    """Return `value` as JSON for people: on one line if it fits, else with short items sharing lines."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _MAX_LINE_CHARACTERS or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {format_json(item, deeper)}" for key, item in value.items()]
    else:
        parts = [format_json(item, deeper) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = _fill_lines(parts, _MAX_LINE_CHARACTERS - len(deeper))
    return "\n".join([opening, *(deeper + line for line in lines), indent + closing])


def _fill_lines(parts: list[str], width: int) -> list[str]:
    """Return `parts` as lines, with commas between them; short ones share a line."""
    lines: list[str] = []
    for number, part in enumerate(parts):
        text = part if number == len(parts) - 1 else f"{part},"
        fits = lines and "\n" not in lines[-1] and "\n" not in text and len(lines[-1]) + 1 + len(text) <= width
        if fits:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def main() -> None:
    """Write every file and remove files that no vector has."""
    expected = {f"{vector.name}.json": format_json(vector._asdict()) + "\n" for vector in vectors()}
    for path in FOLDER.glob("*.json"):
        if path.name not in expected:
            path.unlink()
    for name, text in expected.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
