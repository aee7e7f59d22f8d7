"""Metrics of what was sent and what arrived. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

import msgspec

from bench.pipeline_load.loops import Sent
from bench.pipeline_load.recording import Recording

_MAX_LISTED = 5


class Percentiles(msgspec.Struct):
    """Latencies in milliseconds; None without values."""

    p50: float | None
    p99: float | None
    max: float | None


class Phase(msgspec.Struct):
    """The metrics of one phase."""

    name: str
    seconds: float
    accepted: int
    refused: int
    webhooks_per_second: float
    frames_per_second: float
    """New messages on the sockets per second of the phase."""
    sustained_per_second: float
    """All messages of the phase, per second from its start to the last arrival."""
    answer_ms: Percentiles
    """From the due time to the 200."""
    frame_ms: Percentiles
    """From the due time to the frame."""
    late_ms: Percentiles
    """From the due time to the sending: the delay caused by this load generator."""
    generator_cpu_share: float
    """CPU time of the load generator divided by the duration; near 1 it has measured itself."""
    ran_out: bool


class Verdict(msgspec.Struct):
    """Whether anything was lost, repeated or misdelivered; each case is a sentence in `problems`."""

    accepted: int
    arrived: int
    frames: int
    problems: list[str]


def percentiles(seconds: Sequence[float]) -> Percentiles:
    """Return the nearest-rank percentiles of `seconds`, in milliseconds."""
    if not seconds:
        return Percentiles(None, None, None)
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[max(0, ceil(share * len(ordered)) - 1)] * 1000, 3)

    return Percentiles(at(0.5), at(0.99), at(1.0))


def arrivals(recordings: Sequence[Recording]) -> dict[int, float]:
    """Return the first arrival of each message, by the index of its webhook."""
    first: dict[int, float] = {}
    for recording in recordings:
        for index, at in zip(recording.indices, recording.times, strict=True):
            if index >= 0:
                first.setdefault(index, at)
    return first


def phase(name: str, sent: Sent, arrived: Mapping[int, float]) -> Phase:
    """Return the metrics of one phase."""
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
    """Return whether each accepted webhook arrived exactly once, on its user's socket, in a `seq` without holes.

    Webhook i belongs to user i modulo users. A webhook that was sent but never got a 200 may have arrived once.
    """
    problems = []
    counts: Counter[int] = Counter()
    for number, recording in enumerate(recordings):
        problems += [f"{recording.user_id}: {problem}" for problem in recording.problems]
        problems += _holes(recording)
        own = [index for index in recording.indices if index >= 0]
        foreign = [index for index in own if index % len(recordings) != number]
        problems += _sentence(f"{recording.user_id} got messages of other users", foreign)
        counts.update(own)
    problems += _sentence("got a 200 and never arrived", sorted(accepted - counts.keys()))
    problems += _sentence("arrived more than once", sorted(index for index, times in counts.items() if times > 1))
    problems += _sentence("arrived and were never sent", sorted(counts.keys() - attempted))
    frames = sum(len(recording.seqs) for recording in recordings)
    return Verdict(accepted=len(accepted), arrived=len(accepted & counts.keys()), frames=frames, problems=problems)


def _holes(recording: Recording) -> list[str]:
    expected = recording.after + 1
    for seq in recording.seqs:
        if seq != expected:
            return [f"{recording.user_id}: seq {seq} arrived instead of {expected}"]
        expected += 1
    return []


def _sentence(what: str, indices: Sequence[int]) -> list[str]:
    """Return one sentence about `indices`, or nothing if there are none."""
    if not indices:
        return []
    more = " …" if len(indices) > _MAX_LISTED else ""
    return [f"{len(indices)} {what}: {', '.join(map(str, indices[:_MAX_LISTED]))}{more}"]
