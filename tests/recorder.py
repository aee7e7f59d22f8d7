"""A handler and a listener that record events, and a bounded way to wait for a condition."""

import asyncio
from collections.abc import Callable, Sequence

from shared.contracts import AnyEvent
from shared.messaging.outcomes import DONE, Outcome

WAIT_SECONDS = 15.0


async def eventually(condition: Callable[[], bool], *, within_seconds: float = WAIT_SECONDS) -> None:
    """Return once `condition` holds; raise TimeoutError if it does not in time."""
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - the condition sends no notification
            await asyncio.sleep(0.005)


class Recorder:
    """A handler that records its calls and returns the outcome that `decide` returns for each event."""

    def __init__(self, decide: Callable[[AnyEvent], Outcome] = lambda _: DONE) -> None:
        self.calls: list[list[AnyEvent]] = []
        self._decide = decide

    async def __call__(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        self.calls.append(list(events))
        return [self._decide(event) for event in events]

    @property
    def seen(self) -> list[AnyEvent]:
        return [event for call in self.calls for event in call]

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.seen]

    async def wait_for(self, number: int) -> None:
        await eventually(lambda: len(self.seen) >= number)


class Listener:
    """A listener of a subscription that records events and gaps."""

    def __init__(self) -> None:
        self.seen: list[AnyEvent] = []
        self.gaps = 0

    def __call__(self, events: Sequence[AnyEvent]) -> None:
        self.seen.extend(events)

    def on_gap(self) -> None:
        self.gaps += 1
