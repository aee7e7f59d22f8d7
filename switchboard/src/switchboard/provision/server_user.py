"""Chooses the user that Postgres runs as. Postgres refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import StartupRefused

_TRY_SECONDS = 10.0
_ANY_ORDINARY_ID = 1000
_NAMES = ("postgres", "nobody")


@dataclass(frozen=True)
class RunAs:
    """How to start a program of the server: `prefix` of its command line, `identity` for subprocess."""

    prefix: Sequence[str] = ()
    identity: Mapping[str, int] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    """User and group ID that must own the data; None: ours."""

    def can_run(self, *command: str) -> bool:
        """Return whether `command` can be run in this way and succeeds."""
        try:
            done = subprocess.run(
                [*self.prefix, *command],
                check=False,
                capture_output=True,
                cwd="/",
                timeout=_TRY_SECONDS,
                user=self.identity.get("user"),
                group=self.identity.get("group"),
            )
        except (PermissionError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def run_as(data_dir: Path) -> RunAs:
    """Return how to run a server on the existing folder `data_dir`.

    If we are root, the server runs as a system user, provided that user may enter the folder. Otherwise (for example in
    root's home) it runs in a user namespace (user_namespaces(7)) in which root appears as an ordinary user: it can read
    root's files, and Postgres accepts it. The choice stays the same for existing data, because files have one owner.

    Raises:
        StartupRefused: neither is possible; the text says what to do.
    """
    if os.geteuid() != 0:
        return RunAs()
    by_user, by_namespace = _system_user(data_dir), _namespace()
    belongs_to_root = (data_dir / "PG_VERSION").exists() and data_dir.stat().st_uid == 0
    if by_user and not belongs_to_root and by_user.can_run("test", "-x", str(data_dir.parent)):
        return by_user
    if by_namespace:
        return by_namespace
    raise StartupRefused(
        f"Postgres does not run as root, no other user may enter {data_dir.parent}, and user namespaces are not "
        "available. Choose a data folder that other users may enter, or run the command as another user."
    )


def _system_user(data_dir: Path) -> RunAs | None:
    candidates = []
    if (data_dir / "PG_VERSION").exists() and data_dir.stat().st_uid != 0:
        with suppress(KeyError):
            candidates.append(pwd.getpwuid(data_dir.stat().st_uid))
    for name in _NAMES:
        with suppress(KeyError):
            candidates.append(pwd.getpwnam(name))
    if not candidates:
        return None
    user = candidates[0]
    return RunAs(identity={"user": user.pw_uid, "group": user.pw_gid}, owner=(user.pw_uid, user.pw_gid))


def _namespace() -> RunAs | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    chosen = RunAs((unshare, "--user", f"--map-user={_ANY_ORDINARY_ID}", f"--map-group={_ANY_ORDINARY_ID}", "--"))
    return chosen if chosen.can_run("true") else None
