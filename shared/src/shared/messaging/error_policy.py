"""Turns what a handler did into one outcome per event. It catches `Exception`, as `shared.aio.background` does."""

from collections.abc import Sequence

import structlog

from shared.contracts import AnyEvent
from shared.errors import DependencyUnavailable, PermanentError, TransientError
from shared.messaging.outcomes import Outcome, Park, Retry
from shared.messaging.ports import Handler

log = structlog.get_logger(__name__)


async def apply_error_policy(handler: Handler, events: Sequence[AnyEvent]) -> list[Outcome]:
    """Run `handler` on `events` and return one outcome per event, in order.

    A batch that fails as a whole is halved until the event that causes the failure is alone, so one bad event never
    costs its neighbours. Handlers are idempotent, so it does no harm that they see an event twice.

    Raises:
        DependencyUnavailable: nothing is wrong with the events; hold them and retry.
    """
    try:
        outcomes = list(await handler(events))
        assert len(outcomes) == len(events), f"{len(outcomes)} outcomes for {len(events)} events"
    except DependencyUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the place that decides about every error of a handler
        if len(events) > 1:
            middle = len(events) // 2
            halves = events[:middle], events[middle:]
            return [outcome for half in halves for outcome in await apply_error_policy(handler, half)]
        return [_outcome_of(error, events[0])]
    return outcomes


def _outcome_of(error: Exception, event: AnyEvent) -> Outcome:
    reason = f"{type(error).__name__}: {error}"
    match error:
        case PermanentError():
            log.warning("event refused", event_id=event.id, event_type=event.type_name(), reason=reason)
            return Park(reason)
        case TransientError():
            log.info("event deferred", event_id=event.id, event_type=event.type_name(), reason=reason)
        case _:
            log.error("handler failed: this is a bug", event_id=event.id, event_type=event.type_name(), exc_info=error)
    return Retry(reason)
