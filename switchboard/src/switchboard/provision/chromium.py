"""A browser for the browser tests: a configured one, an installed one, or Debian's."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from shared.errors import StartupRefused
from shared.settings import ENV_PREFIX
from switchboard.provision import debian

CHROMIUM = f"{ENV_PREFIX}CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_NONE_HERE = f"Chromium is not installed: run apt-get install chromium (Debian, Ubuntu), or set {CHROMIUM} to its path."


def find_chromium(environment: Mapping[str, str]) -> Path | None:
    """Return the browser that the environment names, else one in PATH, else None."""
    found = environment.get(CHROMIUM) or next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


def choose_chromium(*, may_install: bool) -> Path:
    """Return a browser; install Debian's if there is none and `may_install` is set.

    Raises:
        StartupRefused: there is none.
    """
    found = find_chromium(os.environ)
    if found is None and may_install and debian.install("chromium"):
        found = find_chromium(os.environ)
    if found is None:
        raise StartupRefused(_NONE_HERE)
    return found
