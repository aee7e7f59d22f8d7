"""Publishing parked events again."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from shared.contracts import Event
from shared.errors import DependencyUnavailable, SwitchboardError
from shared.messaging.ports import Publisher
from store.core.audit import Action, Actor, AuditEntry
from store.repository import parked
from store.repository.postgres.database import Database


class ReplayResult(NamedTuple):
    """Which items were published again, and which were not."""

    replayed: list[str]
    not_replayed: dict[str, str]
    """The reason, by ID."""


class ReplayService:
    """Publishes parked events again, one by one.

    Args:
        publisher: where events go.
        utc_now: the wall clock.
    """

    def __init__(self, database: Database, publisher: Publisher, *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._publisher = publisher
        self._utc_now = utc_now

    async def replay(self, ids: Sequence[str], *, actor: Actor) -> ReplayResult:
        """Publish the original events of parked items; after a dependency was unavailable, the rest is not tried.

        Raises:
            DependencyUnavailable: Postgres is unavailable, and nothing was published.
        """
        items = {item.id: item for item in await parked.get_items(self._database, ids)}
        result = ReplayResult([], {})
        unavailable: str | None = None
        for item_id in ids:
            item = items.get(item_id)
            event = None if item is None else item.event
            if item is None:
                result.not_replayed[item_id] = "There is no parked item with this ID."
            elif event is None:
                result.not_replayed[item_id] = "It cannot be read as an event."
            elif unavailable is not None:
                result.not_replayed[item_id] = unavailable
            else:
                try:
                    await self._publish(item_id, event, actor)
                except SwitchboardError as error:
                    result.not_replayed[item_id] = str(error)
                    unavailable = str(error) if isinstance(error, DependencyUnavailable) else None
                else:
                    result.replayed.append(item_id)
        return result

    async def _publish(self, item_id: str, event: Event, actor: Actor) -> None:
        marked_at = self._utc_now()
        # Marked first: if the event fails again, parking it again removes the mark, which must be there by then.
        await parked.mark_replayed(
            self._database,
            [item_id],
            now=marked_at,
            audit_entries=[_audit_entry(actor, Action.PARKED_REPLAYED, item_id)],
        )
        try:
            await self._publisher.publish([event])
        except SwitchboardError:
            await parked.unmark_replayed(
                self._database,
                item_id,
                marked_at=marked_at,
                audit_entries=[_audit_entry(actor, Action.PARKED_REPLAY_FAILED, item_id)],
            )
            raise


def _audit_entry(actor: Actor, action: Action, item_id: str) -> AuditEntry:
    return AuditEntry(actor=actor, action=action, target=item_id, user_id=None)
