"""The result of a run as lines of text. Pure."""

from collections.abc import Iterator, Sequence

from tests.acceptance.comparison import Difference
from tests.acceptance.corpus import Case

_LONGEST = 400


def report(cases: Sequence[Case], differences: Sequence[Difference], *, seconds: float) -> Iterator[str]:
    """Yield one line per mismatch, and a summary."""
    for difference in differences:
        line = str(difference)
        yield line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    failed = len({difference.file for difference in differences})
    strict = sum(case.is_strict for case in cases)
    yield (
        f"{len(cases)} bodies ({strict} strict, {len(cases) - strict} loose), each posted twice, in {seconds:.0f} s: "
        + (f"{failed} FAILED, {len(differences)} differences" if failed else "all match the corpus")
    )
