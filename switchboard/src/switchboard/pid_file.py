"""Which processes belong to a running system, for whoever wants to stop or kill one of them."""

import json
from collections.abc import Mapping
from pathlib import Path


class PidFile:
    """`pids.json` in the data folder: process ids by name, always of the present ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pids: dict[str, int] = {}

    def update(self, pids: Mapping[str, int]) -> None:
        """Take over the ids of the named processes, in one step for readers."""
        self.pids |= pids
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(self.pids))
        beside.replace(self._path)

    def remove(self) -> None:
        """Say that nothing runs any more."""
        self._path.unlink(missing_ok=True)
