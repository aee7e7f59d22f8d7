"""`python -m switchboard.contracts docs`: write the documents into a folder, in the place of what is there."""

import sys
from pathlib import Path

from switchboard.contracts.documents import documents


def main(folder: Path) -> None:
    """Write every document; schemas of what exists no more are removed."""
    wanted = documents()
    for path in (folder / "schemas").glob("*.json"):
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
