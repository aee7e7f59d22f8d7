"""The process IDs of a running system, for scripts and tests that stop or kill one of its processes."""

import json
from collections.abc import Mapping
from pathlib import Path

from switchboard.private_files import write_owner_only


class PidFile:
    """`pids.json` in the data folder: the current process IDs by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pids: dict[str, int] = {}

    def update(self, pids: Mapping[str, int]) -> None:
        """Set the IDs of the given processes; readers see the old or the new file, never a part."""
        self.pids |= pids
        write_owner_only(self._path, json.dumps(self.pids))

    def remove(self) -> None:
        """Delete the file: nothing is running."""
        self._path.unlink(missing_ok=True)
