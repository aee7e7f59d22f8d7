"""An enriched item does not depend on its webhook, the other items in it, or the time of arrival."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import Event, InboxEnrichedV1
from tests.builders import NOON
from tests.convergence.arrangements import arrangements, events_of, in_order
from tests.convergence.histories import histories

USERS = ("user-1", "user-2")


@settings(deadline=None)
@given(st.data())
def test_an_item_does_not_depend_on_its_webhook(data: st.DataObject) -> None:
    history = data.draw(histories())
    arrangement = data.draw(arrangements(history))

    alone = [_without_arrival(event) for event in events_of(history, in_order(history), user_ids=USERS)]
    arranged = [_without_arrival(event) for event in events_of(history, arrangement, user_ids=USERS)]

    assert {*alone} == {*arranged}


def _without_arrival(event: Event) -> bytes:
    """Return the encoded event without the fields that depend on its delivery."""
    if isinstance(event, InboxEnrichedV1):
        event = msgspec.structs.replace(event, webhook_id="", item_index=0, received_at=NOON, hops=())
        return msgspec.json.encode(event)
    return type(event).__name__.encode()
