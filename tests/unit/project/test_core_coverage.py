"""The coverage of the pure code: which modules count, and how their branches add up."""

from typing import Any

from tests.core_coverage import Coverage, gaps, measured, pure_modules, table


def report(path: str, *, branches: int, missing: int) -> dict[str, Any]:
    summary = {"num_statements": 10, "missing_lines": 1, "num_branches": branches, "missing_branches": missing}
    return {path: {"summary": summary, "missing_branches": [[3, 5], [7, -1]][:missing], "missing_lines": [5][:missing]}}


def test_the_import_contract_lists_the_modules() -> None:
    contracts = [{"id": "layers"}, {"id": "core-is-pure", "source_modules": ["b.core", "a.core"]}]

    assert pure_modules({"tool": {"importlinter": {"contracts": contracts}}}) == ["a.core", "b.core"]


def test_the_files_of_a_package_are_summed_and_others_do_not_count() -> None:
    files = {
        **report("a/core/one.py", branches=4, missing=1),
        **report("a/core/two.py", branches=6, missing=1),
        **report("a/core_too.py", branches=8, missing=2),
        **report("a/pure.py", branches=2, missing=0),
    }

    package, module = measured(files, {"a.core": "a/core", "a.pure": "a/pure.py"})

    assert package == Coverage("a.core", 20, 2, 10, 2)
    assert package.percent == 80.0
    assert module.percent == 100.0


def test_code_without_branches_counts_by_its_statements() -> None:
    assert Coverage("a", statements=10, missing_statements=1, branches=0, missing_branches=0).percent == 90.0
    assert Coverage("a", statements=0, missing_statements=0, branches=0, missing_branches=0).percent == 100.0


def test_the_table_ends_with_the_total_and_gaps_name_their_lines() -> None:
    rows = [Coverage("a", 10, 0, 4, 1), Coverage("b", 10, 0, 6, 1)]

    assert [line.split() for line in table(rows)][-1] == ["total", "20", "0", "10", "2", "80.0", "%"]
    assert gaps({**report("a.py", branches=4, missing=2), **report("b.py", branches=4, missing=0)}) == [
        "a.py: branches 3->5, 7->exit; lines 5"
    ]
