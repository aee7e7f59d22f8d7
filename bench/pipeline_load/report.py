"""The result, for people and for programs."""

from collections.abc import Sequence

import msgspec

from bench.pipeline_load.measures import Percentiles, Phase, Verdict


class Report(msgspec.Struct):
    """All results of a run."""

    phases: list[Phase]
    verdict: Verdict
    drain_seconds: float
    """From the end of the last phase to the last arrival, or to the end of the drain time."""


def as_json(report: Report) -> str:
    """Return one line of JSON."""
    return msgspec.json.encode(report).decode()


def as_table(report: Report) -> str:
    """Return a table, and the verdict as sentences."""
    head = (
        "",
        "200s/s",
        "frames/s",
        "sustained/s",
        "200 p50/p99/max ms",
        "frame p50/p99/max ms",
        "late p99 ms",
        "own CPU",
        "refused",
    )
    rows = [head, *(_row(phase) for phase in report.phases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [
        f"{phase.name}: there were too few prepared webhooks (--prebuilt)." for phase in report.phases if phase.ran_out
    ]
    lines += ["", _summary(report)]
    lines += _sentences(report.verdict.problems)
    return "\n".join(lines)


def _summary(report: Report) -> str:
    verdict = report.verdict
    return (
        f"{verdict.arrived} of {verdict.accepted} accepted webhooks arrived, warm-up included; "
        f"{verdict.frames} frames in total; {report.drain_seconds:.1f} s to drain."
    )


def _row(phase: Phase) -> tuple[str, ...]:
    return (
        phase.name,
        f"{phase.webhooks_per_second:.0f}",
        f"{phase.frames_per_second:.0f}",
        f"{phase.sustained_per_second:.0f}",
        _cell(phase.answer_ms),
        _cell(phase.frame_ms),
        "-" if phase.late_ms.p99 is None else f"{phase.late_ms.p99:.2f}",
        f"{phase.generator_cpu_share:.0%}",
        str(phase.refused),
    )


def _cell(values: Percentiles) -> str:
    if values.p50 is None:
        return "-"
    return f"{values.p50:.1f} / {values.p99:.1f} / {values.max:.1f}"


def _sentences(problems: Sequence[str]) -> list[str]:
    if not problems:
        return ["Each arrived exactly once, on its user's socket, in a seq without holes."]
    return [f"BROKEN: {problem}" for problem in problems]
