"""An image holds only what its service declares, so what is imported must be declared, here or by shared."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
MEMBERS = [
    "shared",
    "simulator",
    "switchboard",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "services").iterdir()),
]
OURS = {"shared", "ingest", "enricher", "store", "push_gateway", "simulator", "switchboard"}
PART_OF = {"pydantic_core": "pydantic"}
"""What another distribution brings along as part of its own interface."""


def project(member: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    return found


def names(requirements: Iterable[str]) -> set[str]:
    return {normalised(re.split(r"[\[<>=! ]", line)[0]) for line in requirements}


def declared(member: str) -> set[str]:
    """Return what `member` brings along, and the extras of shared that it asks for; shared itself may use them all."""
    requirements = project(member)["dependencies"]
    extras = project("shared")["optional-dependencies"]
    asked = extras if member == "shared" else [name for name in extras if f"switchboard-shared[{name}]" in requirements]
    return names([*requirements, *(line for name in asked for line in extras[name])])


def normalised(name: str) -> str:
    """Spell a distribution's name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(member: str) -> set[str]:
    modules: set[str] = set()
    for path in (ROOT / member / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    return modules - set(sys.stdlib_module_names)


@pytest.mark.parametrize("member", MEMBERS)
def test_every_import_is_declared(member: str) -> None:
    distributions = packages_distributions()
    allowed = declared(member) | (
        names(project("shared")["dependencies"]) if "switchboard-shared" in declared(member) else set()
    )

    undeclared = {
        module
        for module in imported(member) - OURS
        if not {normalised(name) for name in distributions.get(module, [])} & allowed
        and PART_OF.get(module) not in allowed
    }

    assert not undeclared, f"{member} imports {sorted(undeclared)} without declaring them"
