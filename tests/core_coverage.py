"""Measures the branch coverage of the pure code by the unit tests: `make coverage`.

The import contract `core-is-pure` in pyproject.toml lists the pure modules. Each must reach the limit by itself, so
that a well tested module cannot hide another one.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONTRACT = "core-is-pure"
LIMIT_PERCENT = 95.0
TESTS = ("enricher", "ingest", "push_gateway", "shared", "store")
"""The folders of `tests/unit` whose tests belong to services and shared code."""
_TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True)
class Coverage:
    """What the tests have reached of one module or package."""

    name: str
    statements: int
    missing_statements: int
    branches: int
    missing_branches: int

    @property
    def percent(self) -> float:
        """Covered branches in percent; code without branches counts by its statements."""
        total, missing = (
            (self.branches, self.missing_branches) if self.branches else (self.statements, self.missing_statements)
        )
        return 100.0 * (total - missing) / total if total else 100.0


def pure_modules(pyproject: dict[str, Any]) -> list[str]:
    """Return the modules and packages that the import contract calls pure."""
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    [contract] = [one for one in contracts if one["id"] == CONTRACT]
    return sorted(contract["source_modules"])


def measured(files: dict[str, Any], modules: dict[str, str]) -> list[Coverage]:
    """Return the coverage of each module, summed over its files.

    Args:
        files: `files` of coverage.py's JSON report.
        modules: the path of each module's file or folder, by its name; relative to the root, as in the report.
    """
    found: list[Coverage] = []
    for name, path in modules.items():
        summaries = [
            file["summary"]
            for file_path, file in files.items()
            if file_path == path or file_path.startswith(f"{path}/")
        ]
        found.append(
            Coverage(
                name,
                statements=sum(one["num_statements"] for one in summaries),
                missing_statements=sum(one["missing_lines"] for one in summaries),
                branches=sum(one["num_branches"] for one in summaries),
                missing_branches=sum(one["missing_branches"] for one in summaries),
            )
        )
    return found


def table(rows: list[Coverage]) -> list[str]:
    """Return the coverage as aligned lines, with a line for all modules together."""
    total = Coverage(
        "total",
        sum(row.statements for row in rows),
        sum(row.missing_statements for row in rows),
        sum(row.branches for row in rows),
        sum(row.missing_branches for row in rows),
    )
    lines = [f"{'module':<36}{'statements':>11}{'missing':>9}{'branches':>10}{'missing':>9}{'covered':>10}"]
    lines += [
        f"{row.name:<36}{row.statements:>11}{row.missing_statements:>9}{row.branches:>10}{row.missing_branches:>9}"
        f"{row.percent:>8.1f} %"
        for row in [*rows, total]
    ]
    return lines


def gaps(files: dict[str, Any]) -> list[str]:
    """Return a line for each file with untested branches or statements: where they are."""
    lines = []
    for path, file in sorted(files.items()):
        branches = ", ".join(f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"])
        missing = ", ".join(map(str, file["missing_lines"]))
        if branches or missing:
            lines.append(f"{path}: branches {branches or 'none'}; lines {missing or 'none'}")
    return lines


def _path(module: str) -> str:
    """Return the file of a module, or the folder of a package, relative to the root of the repository."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin)
    return (path.parent if path.name == "__init__.py" else path).relative_to(ROOT).as_posix()


def _run_tests(folder: Path, modules: dict[str, str], pytest_options: list[str]) -> dict[str, Any]:
    """Run the unit tests under coverage.py; return `files` of its JSON report."""
    paths = [f"{path}/*" if (ROOT / path).is_dir() else path for path in modules.values()]
    settings = {"branch": "true", "parallel": "true", "patch": "subprocess", "data_file": str(folder / "data")}
    lines = ["[run]", *(f"{name} = {value}" for name, value in settings.items()), "relative_files = true", "include ="]
    rcfile = folder / "coveragerc"
    rcfile.write_text("\n".join([*lines, *(f"    {path}" for path in paths)]) + "\n")
    tests = [f"tests/unit/{name}" for name in TESTS]
    for command in (
        ["run", "-m", "pytest", "-q", *pytest_options, *tests],
        ["combine", "-q"],
        ["json", "-q", "-o", str(folder / "report.json")],
    ):
        subprocess.run(  # the first argument decides what coverage.py does, the others are ours
            [sys.executable, "-m", "coverage", command[0], f"--rcfile={rcfile}", *command[1:]],
            cwd=ROOT,
            check=True,
            timeout=_TIMEOUT_SECONDS,
        )
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    files: dict[str, Any] = report["files"]
    return files


def main(pytest_options: list[str]) -> int:
    """Print the table; return 1 if a module is below the limit."""
    modules = {name: _path(name) for name in pure_modules(tomllib.loads((ROOT / "pyproject.toml").read_text()))}
    with tempfile.TemporaryDirectory(prefix="switchboard-coverage-") as folder:
        files = _run_tests(Path(folder), modules, pytest_options)
    rows = measured(files, modules)
    below = [row for row in rows if row.percent < LIMIT_PERCENT]
    lines = [*gaps(files), "", *table(rows)]
    lines += [
        f"{row.name}: {row.percent:.1f} % of the branches are covered, {LIMIT_PERCENT:g} % are needed." for row in below
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
