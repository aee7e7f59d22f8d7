"""`switchboard build-inbox`: build the inbox page, with the installed Node or one from a Python wheel."""

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
"""In the folder of the sources: the wheels that contain Node, pinned with hashes."""
_OLDEST_NODE = (20, 19)
_OLDEST_NPM = (9,)
_INSTALL_TIMEOUT_SECONDS = 600.0
_VERSION_TIMEOUT_SECONDS = 20.0


def build_inbox(
    *,
    report: Callable[[str], None],
    sources: Path = SOURCES,
    search_path: str | None = None,
    python: Path = Path(sys.executable),
) -> Path:
    """Install the page's dependencies and build it; return the folder of the result.

    Args:
        report: called with each step, as a sentence.
        sources: the folder `frontend` of a checkout.
        search_path: where to look for Node and npm, in the format of `PATH`, which is the default. If they are missing
            or too old, they are installed into the environment of `python`.
        python: the interpreter whose pip installs them.

    Raises:
        StartupRefused: the sources are missing, Node cannot be installed, or the build fails; the text says which.
    """
    if not (sources / "package-lock.json").is_file():
        raise StartupRefused(
            f"There are no sources of the inbox in {sources}: run this in a checkout of the repository."
        )
    path = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    if not _has_node(path):
        path = f"{python.parent}{os.pathsep}{path}"
        if not _has_node(path):
            _install_node(python, sources / NODE_LOCK, report)
    report("Installing the dependencies of the inbox …")
    _npm(path, sources, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    report("Building the inbox …")
    _npm(path, sources, "run", "build")
    return sources / "dist"


def is_built(sources: Path = SOURCES) -> bool:
    """Return whether the built page is newer than its sources and those of the client library."""
    page, library = sources / "dist" / "index.html", sources.parent / "clients" / "javascript" / "src"
    if not page.is_file():
        return False
    parts = [sources / "index.html", sources / "package-lock.json", *sources.glob("src/**/*"), *library.glob("**/*")]
    return page.stat().st_mtime >= max(path.stat().st_mtime for path in parts if path.is_file())


def _has_node(path: str) -> bool:
    """Return whether the first `node` and the first `npm` on `path` are both recent enough.

    The two may lie in different folders, and npm runs with the first `node`.
    """
    return _version("node", path) >= _OLDEST_NODE and _version("npm", path) >= _OLDEST_NPM


def _install_node(python: Path, lock: Path, report: Callable[[str], None]) -> None:
    report("Node 20.19 or newer with npm is not installed: installing it from a Python wheel …")
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
    _run(
        [*command, "-r", str(lock)],
        what="Installing Node from its wheel failed",
        cwd=lock.parent,
        environment=os.environ.copy(),
    )


def _version(program: str, path: str) -> tuple[int, ...]:
    """Return the version of a program, `(0,)` if it is missing or does not work."""
    found = shutil.which(program, path=path)
    if found is None:
        return (0,)
    try:
        output = subprocess.run(
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
    return tuple(map(int, re.findall(r"\d+", output)[:2])) or (0,)


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
