"""What is built from a member: its code, its data, and the marker that says it is typed (PEP 561)."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[3]
MEMBERS = [ROOT / "shared", ROOT / "simulator", ROOT / "switchboard", *sorted((ROOT / "services").iterdir())]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_wheel_ships_every_file_of_its_package_and_the_type_marker(member: Path, tmp_path: Path) -> None:
    [package] = tomllib.loads((member / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=member, check=True, capture_output=True, timeout=60)
    [wheel] = tmp_path.glob("*.whl")

    with ZipFile(wheel) as built:
        shipped = {name for name in built.namelist() if ".dist-info/" not in name}
    source = member / package
    expected = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert shipped == expected
    assert f"{source.name}/py.typed" in shipped
