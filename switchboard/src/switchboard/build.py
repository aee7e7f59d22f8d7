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
NODE_LOCK = "node.lock"
"""Beside the sources: the wheels with Node in them, pinned with hashes."""
_OLDEST_NODE = (20, 19)
_OLDEST_NPM = (9,)
_INSTALL_TIMEOUT_SECONDS = 600.0
_VERSION_TIMEOUT_SECONDS = 20.0


def build_inbox(
    *,
    say: Callable[[str], None],
    sources: Path = SOURCES,
    search_path: str | None = None,
    python: Path = Path(sys.executable),
) -> Path:
    """Install what the page is made of and build it; return the folder that it was built into.

    `search_path` is where Node is looked for, like `PATH`, which it is by default. Where there is none, or an old one,
    it is installed into the environment of `python`.

    Raises:
        StartupRefused: there are no sources, no Node could be had, or the build failed; the text says which.
    """
    if not (sources / "package-lock.json").is_file():
        raise StartupRefused(f"The sources of the inbox are not at {sources}: build it in a checkout.")
    path = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    if not _has_node(path):
        path = f"{python.parent}{os.pathsep}{path}"
        if not _has_node(path):
            _install_node(python, sources / NODE_LOCK, say)
    say("Installing what the inbox is made of …")
    _npm(path, sources, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    say("Building the inbox …")
    _npm(path, sources, "run", "build")
    return sources / "dist"


def is_built(sources: Path = SOURCES) -> bool:
    """Return whether the page was built after its sources, and those of the client library, were changed last."""
    page, library = sources / "dist" / "index.html", sources.parent / "clients" / "javascript" / "src"
    if not page.is_file():
        return False
    parts = [sources / "index.html", sources / "package-lock.json", *sources.glob("src/**/*"), *library.glob("**/*")]
    return page.stat().st_mtime >= max(path.stat().st_mtime for path in parts if path.is_file())


def _has_node(path: str) -> bool:
    """Return whether the `node` and the `npm` that are found first are both new enough.

    The two need not come from one place, and npm runs with the `node` that is found first.
    """
    return _version("node", path) >= _OLDEST_NODE and _version("npm", path) >= _OLDEST_NPM


def _install_node(python: Path, lock: Path, say: Callable[[str], None]) -> None:
    say("There is no Node of version 20.19 or newer with npm here; taking it from a Python wheel …")
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
    _run(
        [*command, "-r", str(lock)],
        what="Node could not be installed from its wheel",
        cwd=lock.parent,
        environment=os.environ.copy(),
    )


def _version(program: str, path: str) -> tuple[int, ...]:
    """Return the version of a program, `(0,)` where there is none that works."""
    found = shutil.which(program, path=path)
    if found is None:
        return (0,)
    try:
        said = subprocess.run(
            [found, "--version"],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", said)[:2])) or (0,)


def _npm(path: str, sources: Path, *arguments: str) -> None:
    command = [shutil.which("npm", path=path) or "npm", "--loglevel=error", *arguments]
    _run(command, what=f"npm {arguments[0]} failed", cwd=sources, environment={**os.environ, "PATH": path})


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
