"""Files and folders that only their owner may read: logs, process IDs and generated secrets of a local system."""

from pathlib import Path


def owner_only(path: Path) -> Path:
    """Create the file `path` if it is missing, make it readable by its owner only, and return it."""
    path.touch(mode=0o600)
    path.chmod(0o600)  # an earlier version may have made it
    return path


def owner_only_folder(path: Path) -> Path:
    """Create the folder `path` if it is missing, let nobody but its owner enter it, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_owner_only(path: Path, text: str) -> None:
    """Replace the content of `path`; readers see the old or the new file, never a part, and only its owner any."""
    new = owner_only(path.with_name(f"{path.name}.new"))
    new.write_text(text)
    new.replace(path)
