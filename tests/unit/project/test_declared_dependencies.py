"""An image holds only what its service declares, so what is imported must be declared, here or by shared."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

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


def declared(member: str) -> set[str]:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    return {normalised(re.split(r"[\[<>=! ]", line)[0]) for line in project["dependencies"]}


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
    allowed = declared(member) | (declared("shared") if "switchboard-shared" in declared(member) else set())

    undeclared = {
        module
        for module in imported(member) - OURS
        if not {normalised(name) for name in distributions.get(module, [])} & allowed
        and PART_OF.get(module) not in allowed
    }

    assert not undeclared, f"{member} imports {sorted(undeclared)} without declaring them"
