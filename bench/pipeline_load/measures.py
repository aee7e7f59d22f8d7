"""Numbers out of what was sent and what came: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

import msgspec

from bench.pipeline_load.loops import Sent
from bench.pipeline_load.recording import Recording

_NAMED = 5


class Percentiles(msgspec.Struct):
    """Of latencies, milliseconds; nothing when there were none."""

    p50: float | None
    p99: float | None
    max: float | None


class Phase(msgspec.Struct):
    """What one phase measured."""

    name: str
    seconds: float
    accepted: int
    refused: int
    webhooks_per_second: float
    frames_per_second: float
    """New messages on the sockets while the phase lasted, a second."""
    sustained_per_second: float
    """All of its messages, over the time from its start to the last one's arrival."""
    answer_ms: Percentiles
    """From the intended moment to the 200."""
    frame_ms: Percentiles
    """From the intended moment to the frame."""
    late_ms: Percentiles
    """From the intended moment to the sending: the generator's own fault."""
    generator_cpu_share: float
    """Processor time of the sending process over the time; near 1 it measured itself."""
    ran_out: bool


class Verdict(msgspec.Struct):
    """Whether every promise was kept; `problems` says each time one was not."""

    accepted: int
    arrived: int
    frames: int
    problems: list[str]


def percentiles(seconds: Sequence[float]) -> Percentiles:
    """Return the nearest-rank percentiles of `seconds`, as milliseconds."""
    if not seconds:
        return Percentiles(None, None, None)
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[max(0, ceil(share * len(ordered)) - 1)] * 1000, 3)

    return Percentiles(at(0.5), at(0.99), at(1.0))


def arrivals(recordings: Sequence[Recording]) -> dict[int, float]:
    """Return when each message came first, by the index of its webhook."""
    first: dict[int, float] = {}
    for recording in recordings:
        for index, at in zip(recording.indices, recording.times, strict=True):
            if index >= 0:
                first.setdefault(index, at)
    return first


def phase(name: str, sent: Sent, arrived: Mapping[int, float]) -> Phase:
    """Return the numbers of one phase."""
    seconds = max(sent.ended - sent.started, 1e-9)
    own = {index: arrived[index] for index in sent.intended if index in arrived}
    last = max(own.values(), default=sent.started)
    return Phase(
        name=name,
        seconds=round(seconds, 2),
        accepted=len(sent.accepted),
        refused=sent.refused,
        webhooks_per_second=round(sum(at <= sent.ended for at in sent.accepted.values()) / seconds, 1),
        frames_per_second=round(sum(at <= sent.ended for at in own.values()) / seconds, 1),
        sustained_per_second=round(len(own) / max(last - sent.started, 1e-9), 1),
        answer_ms=percentiles([at - sent.intended[index] for index, at in sent.accepted.items()]),
        frame_ms=percentiles([at - sent.intended[index] for index, at in own.items()]),
        late_ms=percentiles([at - sent.intended[index] for index, at in sent.begun.items()]),
        generator_cpu_share=round(sent.cpu_seconds / seconds, 3),
        ran_out=sent.ran_out,
    )


def verdict(accepted: set[int], attempted: set[int], recordings: Sequence[Recording]) -> Verdict:
    """Return whether each webhook answered 200 came exactly once, on its user's socket, in a `seq` without holes.

    Webhook i belongs to user i modulo users. One that was attempted and never answered 200 may have come, once.
    """
    problems = []
    counts: Counter[int] = Counter()
    for number, recording in enumerate(recordings):
        problems += [f"{recording.user_id}: {problem}" for problem in recording.problems]
        problems += _holes(recording)
        own = [index for index in recording.indices if index >= 0]
        foreign = [index for index in own if index % len(recordings) != number]
        problems += _named(f"{recording.user_id} got messages of other users", foreign)
        counts.update(own)
    problems += _named("answered 200 and never came", sorted(accepted - counts.keys()))
    problems += _named("came more than once", sorted(index for index, times in counts.items() if times > 1))
    problems += _named("came and were never sent", sorted(counts.keys() - attempted))
    frames = sum(len(recording.seqs) for recording in recordings)
    return Verdict(accepted=len(accepted), arrived=len(accepted & counts.keys()), frames=frames, problems=problems)


def _holes(recording: Recording) -> list[str]:
    expected = recording.after + 1
    for seq in recording.seqs:
        if seq != expected:
            return [f"{recording.user_id}: seq {seq} came where {expected} was due"]
        expected += 1
    return []


def _named(what: str, indices: Sequence[int]) -> list[str]:
    """Return one sentence about `indices`, or nothing when there are none."""
    if not indices:
        return []
    more = " …" if len(indices) > _NAMED else ""
    return [f"{len(indices)} {what}: {', '.join(map(str, indices[:_NAMED]))}{more}"]
