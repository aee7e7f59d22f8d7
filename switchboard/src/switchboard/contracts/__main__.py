"""`python -m switchboard.contracts docs`: write the documents into a folder, replacing the old ones."""

import sys
from pathlib import Path

from switchboard.contracts.documents import documents


def main(folder: Path) -> None:
    """Write every document, and delete schemas that no longer exist."""
    current = documents()
    for path in (folder / "schemas").glob("*.json"):
        if path.relative_to(folder).as_posix() not in current:
            path.unlink()
    for name, text in current.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
