"""nginx for the tests of the front door: an installed one, or Debian's."""

import os
import shutil
from pathlib import Path

from shared.errors import StartupRefused
from switchboard.provision import debian

_NONE_HERE = "nginx is not installed: run apt-get install nginx-light (Debian, Ubuntu) or brew install nginx (macOS)."


def find_nginx() -> Path | None:
    """Return the nginx in PATH or where Debian installs it, which is not in every user's PATH; else None."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    return Path(found) if found else None


def choose_nginx(*, may_install: bool) -> Path:
    """Return nginx; install Debian's if there is none and `may_install` is set.

    Raises:
        StartupRefused: there is none.
    """
    found = find_nginx()
    if found is None and may_install and debian.install("nginx-light"):
        found = find_nginx()
    if found is None:
        raise StartupRefused(_NONE_HERE)
    return found
