"""One outcome per event, whatever the handler did."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import AnyEvent
from shared.errors import DependencyUnavailable, PermanentError, TransientError
from shared.messaging.error_policy import apply_error_policy
from shared.messaging.outcomes import DONE, Outcome, Park, Retry
from tests import builders

EVENTS = [builders.inbox_enriched(id=f"{number:032x}") for number in range(16)]


class Failing:
    """Raises the error of the first event that has one; a batch without any is handled."""

    def __init__(self, errors: dict[int, Exception]) -> None:
        self.handled: list[str] = []
        self._errors = {EVENTS[place].id: error for place, error in errors.items()}

    async def __call__(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        for event in events:
            if event.id in self._errors:
                raise self._errors[event.id]
        self.handled.extend(event.id for event in events)
        return [DONE for _ in events]


@given(st.dictionaries(st.integers(min_value=0, max_value=15), st.sampled_from(["park", "retry"]), max_size=9))
async def test_every_event_gets_its_own_outcome(kinds: dict[int, str]) -> None:
    errors = {"park": PermanentError("never"), "retry": TransientError("later")}
    handler = Failing({place: errors[kind] for place, kind in kinds.items()})

    outcomes = await apply_error_policy(handler, EVENTS)

    for place, outcome in enumerate(outcomes):
        match kinds.get(place):
            case None:
                assert outcome == DONE
            case "park":
                assert isinstance(outcome, Park)
            case _:
                assert isinstance(outcome, Retry)
    assert handler.handled == [event.id for place, event in enumerate(EVENTS) if place not in kinds]


async def test_a_bug_is_retried_because_the_next_version_may_fix_it() -> None:
    outcomes = await apply_error_policy(Failing({1: ZeroDivisionError("a bug")}), EVENTS[:2])

    assert outcomes == [DONE, Retry("ZeroDivisionError: a bug")]


async def test_an_unavailable_dependency_parks_no_event() -> None:
    with pytest.raises(DependencyUnavailable):
        await apply_error_policy(Failing({5: PermanentError("never"), 10: DependencyUnavailable("down")}), EVENTS)


async def test_a_handler_that_returns_the_wrong_number_of_outcomes_is_a_bug() -> None:
    async def handler(_: Sequence[AnyEvent]) -> Sequence[Outcome]:
        return []

    outcomes = await apply_error_policy(handler, EVENTS[:3])

    assert all(isinstance(outcome, Retry) for outcome in outcomes)
    assert len(outcomes) == 3
