"""As whom Postgres runs, which refuses to be root, when we are root."""

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
    """How a program of the server is started: `prefix` before its command line, `identity` for subprocess."""

    prefix: Sequence[str] = ()
    identity: Mapping[str, int] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    """Whom the data must belong to; None where that is us."""

    def may_run(self, *command: str) -> bool:
        """Tell whether `command` can be run like this, and says yes."""
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

    Root hands over to a system user where that user may enter the folder. Where it may not (a home or temporary folder
    of root's), the server runs in a user namespace (user_namespaces(7)) in which root is an ordinary user: it has
    root's files and not root's name. What created the data decides for ever, as files belong to one of the two.

    Raises:
        StartupRefused: neither is possible; the text says what helps.
    """
    if os.geteuid() != 0:
        return RunAs()
    by_user, by_namespace = _system_user(data_dir), _namespace()
    belongs_to_root = (data_dir / "PG_VERSION").exists() and data_dir.stat().st_uid == 0
    if by_user and not belongs_to_root and by_user.may_run("test", "-x", str(data_dir.parent)):
        return by_user
    if by_namespace:
        return by_namespace
    raise StartupRefused(
        f"Postgres does not run as root, no other user may enter {data_dir.parent}, and user namespaces are not "
        "available. Choose a data folder that other users may enter, or run as another user."
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
    return chosen if chosen.may_run("true") else None
