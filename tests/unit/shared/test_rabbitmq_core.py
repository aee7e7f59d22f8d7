"""The decisions of the RabbitMQ adapter, without a broker."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import LONGEST_REASON, ItemParkedV1, Wire, encode
from shared.messaging.outcomes import DONE, Outcome, Park, Retry
from shared.messaging.rabbitmq.ack_window import AckWindow
from shared.messaging.rabbitmq.deliveries import ATTEMPTS_HEADER, Acknowledgements, Delivery, InFlightEvent
from shared.messaging.rabbitmq.outgoing import chunks
from shared.messaging.rabbitmq.settlement import LARGEST_PARKED_BYTES, settle
from shared.messaging.topology import (
    DEAD_LETTER_EXCHANGE,
    MAX_EVENTS_PER_MESSAGE,
    STORE_INBOX,
    STORE_RECORDS,
    TARGET_BYTES_PER_MESSAGE,
)
from tests import builders
from tests.builders import NOON

OUTCOME = st.sampled_from([DONE, Retry("later"), Park("never")])


@given(st.permutations(range(1, 30)), st.data())
def test_only_finished_deliveries_are_acknowledged(tags: list[int], data: st.DataObject) -> None:
    window = AckWindow()
    finished: set[int] = set()
    acknowledged = 0

    for tag in tags:
        window.finish(tag)
        finished.add(tag)
        if data.draw(st.booleans()):
            top = window.advance()
            if top is not None:
                assert top > acknowledged
                acknowledged = top
        assert set(range(1, acknowledged + 1)) <= finished

    assert window.advance() == (None if acknowledged == len(tags) else len(tags))
    assert window.advance() is None


def events_of(tag: int, size: int, *, failures: int = 0) -> list[InFlightEvent]:
    delivery = Delivery(tag=tag, arrived_at=0.0, failures=failures, content_type=Wire.JSON, unfinished=size)
    events = [builders.inbox_enriched(id=f"{tag}-{number}") for number in range(size)]
    return [InFlightEvent(delivery, encode(event), event) for event in events]


@given(st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_delivery_is_acknowledged_with_its_last_event(sizes: list[int], random: Random) -> None:
    acknowledgements = Acknowledgements()
    in_flight = [one for tag, size in enumerate(sizes, start=1) for one in events_of(tag, size)]
    random.shuffle(in_flight)
    top = 0

    for one in in_flight:
        top = acknowledgements.finish([one]) or top
        unfinished = [other.delivery.tag for other in in_flight if other.delivery.unfinished]
        assert top == min(unfinished, default=len(sizes) + 1) - 1


@given(st.lists(st.tuples(OUTCOME, st.integers(min_value=0, max_value=12)), max_size=100))
def test_every_event_ends_in_exactly_one_place(cases: list[tuple[Outcome, int]]) -> None:
    in_flight = [events_of(tag, 1, failures=failures)[0] for tag, (_, failures) in enumerate(cases, start=1)]

    settlement = settle(STORE_INBOX, in_flight, [outcome for outcome, _ in cases], now=NOON)

    everything = [*settlement.done, *settlement.failed]
    assert sorted(one.delivery.tag for one in everything) == [one.delivery.tag for one in in_flight]
    retried = [part for message in settlement.messages for part in message.parts]
    assert sorted(retried) == sorted(one.part for one in settlement.retried)
    assert [item.original for item in settlement.items] == [one.part for one in settlement.parked]
    assert settlement.dead == []


@given(st.lists(st.integers(min_value=0, max_value=STORE_INBOX.max_attempts - 2), min_size=1, max_size=200))
def test_retries_are_batched_by_how_often_they_failed(failures: list[int]) -> None:
    in_flight = [events_of(tag, 1, failures=number)[0] for tag, number in enumerate(failures, start=1)]

    settlement = settle(STORE_INBOX, in_flight, [Retry("later")] * len(in_flight), now=NOON)

    for message in settlement.messages:
        attempts = message.headers[ATTEMPTS_HEADER]
        assert isinstance(attempts, int)
        assert message.routing_key == STORE_INBOX.retry_queue(attempts)[0]
        assert len(message.parts) <= MAX_EVENTS_PER_MESSAGE
        parts = {one.part for one in in_flight if one.delivery.failures == attempts - 1}
        assert set(message.parts) <= parts


def test_the_last_attempt_is_parked_with_the_number_of_attempts() -> None:
    [in_flight] = events_of(1, 1, failures=STORE_INBOX.max_attempts - 1)

    settlement = settle(STORE_INBOX, [in_flight], [Retry("still not")], now=NOON)

    [item] = settlement.items
    assert (item.attempts, item.reason, item.handler) == (STORE_INBOX.max_attempts, "still not", STORE_INBOX.name)
    assert settlement.messages == []


def test_parking_the_same_event_again_gives_the_same_item() -> None:
    once, again = (settle(STORE_INBOX, events_of(1, 1), [Park("no")], now=NOON).items for _ in range(2))

    assert once == again


def test_an_unreadable_event_is_parked_unchanged() -> None:
    delivery = Delivery(tag=1, arrived_at=0.0, failures=0, content_type="text/plain", unfinished=1)
    in_flight = InFlightEvent(delivery, b"what?", None, "not an array")

    [item] = settle(STORE_INBOX, [in_flight], [Park("not an array")], now=NOON).items

    assert (item.original, item.content_type, item.event_type) == (b"what?", "text/plain", "")
    assert item.received_at == NOON


def test_a_parked_item_is_never_parked_itself() -> None:
    event = builders.item_parked()
    delivery = Delivery(tag=1, arrived_at=0.0, failures=0, content_type=Wire.MSGPACK, unfinished=1)
    in_flight = InFlightEvent(delivery, encode(event), event)

    settlement = settle(STORE_RECORDS, [in_flight], [Park("no room")], now=NOON)

    assert settlement.items == []
    [message] = settlement.messages
    assert (message.exchange, message.parts) == (DEAD_LETTER_EXCHANGE, [in_flight.part])
    last = replace(delivery, failures=STORE_RECORDS.max_attempts - 1)
    given_up = settle(STORE_RECORDS, [replace(in_flight, delivery=last)], [Retry("no room")], now=NOON)
    assert not any(isinstance(item, ItemParkedV1) for item in given_up.items)


def test_an_event_too_large_to_park_is_dead_lettered() -> None:
    delivery = Delivery(tag=1, arrived_at=0.0, failures=0, content_type=Wire.JSON, unfinished=1)
    in_flight = InFlightEvent(delivery, bytes(LARGEST_PARKED_BYTES + 1), None, "not an array")

    settlement = settle(STORE_INBOX, [in_flight], [Park("x" * 100_000)], now=NOON)

    assert (settlement.dead, settlement.items) == ([in_flight], [])
    assert settlement.messages[0].headers["x-switchboard-reason"] == "x" * LONGEST_REASON


@given(st.lists(st.integers(min_value=0, max_value=TARGET_BYTES_PER_MESSAGE * 2), max_size=10))
def test_chunks_keep_order_and_bounds(sizes: list[int]) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]

    batches = list(chunks(parts))

    assert [part for batch in batches for part in batch] == parts
    for batch in batches:
        assert 1 <= len(batch) <= MAX_EVENTS_PER_MESSAGE
        assert len(batch) == 1 or sum(map(len, batch)) <= TARGET_BYTES_PER_MESSAGE
