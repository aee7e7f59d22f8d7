"""Everything is released together: one version, which the changelog knows."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
MEMBERS = [ROOT / "shared", ROOT / "simulator", ROOT / "switchboard", *sorted((ROOT / "services").iterdir())]
PACKAGES = ("clients/javascript", "frontend")


def versions() -> dict[str, str]:
    python = {
        str(member.relative_to(ROOT)): tomllib.loads((member / "pyproject.toml").read_text())["project"]["version"]
        for member in MEMBERS
    }
    return python | {path: json.loads((ROOT / path / "package.json").read_text())["version"] for path in PACKAGES}


def test_all_members_and_packages_carry_one_version() -> None:
    assert len(set(versions().values())) == 1, versions()


def test_the_changelog_has_a_section_for_the_version() -> None:
    [version] = set(versions().values())
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[:2] == ["Unreleased", version]
