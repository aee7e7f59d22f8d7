"""A broker account opens what its service does, and nothing else."""

import re
from itertools import product
from typing import get_args

import pytest

from shared.contracts import AnyEvent, Event
from shared.messaging.rabbitmq.accounts import ACCOUNTS, OPERATOR, password_hash
from shared.messaging.rabbitmq.declarations import QueueBounds, declarations
from shared.messaging.rabbitmq.definitions import definitions
from shared.messaging.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, ROLES, WORK_QUEUES

DURABLE = declarations(WORK_QUEUES, QueueBounds())
DECLARED = {one.name for one in DURABLE.exchanges} | {one.name for one in DURABLE.queues}
NAMES = sorted(DECLARED | {"amq.default", "amq.topic", "other"})
"""amq.default is what RabbitMQ calls the default exchange when it checks rights."""
SUBSCRIPTIONS = {queue.prefix: queue for role in ROLES.values() for queue in role.subscribes}
EVENTS: list[type[Event]] = [*get_args(AnyEvent)]


def allows(pattern: str, name: str) -> bool:
    """Decide as RabbitMQ does, which searches the pattern anywhere in the name."""
    return re.search(pattern, name) is not None


@pytest.mark.parametrize("service", ROLES)
def test_a_service_may_publish_its_own_events_and_no_other(service: str) -> None:
    allowed = {event for event in EVENTS if allows(ACCOUNTS[service].topic_write, f"{event.type_name()}.7")}
    assert allowed == set(ROLES[service].publishes)


@pytest.mark.parametrize("service", ROLES)
def test_a_service_may_receive_its_own_events_and_no_other(service: str) -> None:
    role, rights = ROLES[service], ACCOUNTS[service]
    assert {name for name in NAMES if allows(rights.read, name)} == {queue.name for queue in role.consumes} | (
        {EXCHANGE} if role.subscribes else set()
    )
    bound = {event for event in EVENTS if allows(rights.topic_read, f"{event.type_name()}.7")}
    assert bound == {queue.event for queue in role.subscribes}
    assert not any(
        allows(rights.topic_read, key) for key in ("#", "*.*", "inbox.persisted.v1.#", "inbox.persisted.v1.*")
    )


@pytest.mark.parametrize("service", ROLES)
def test_a_service_may_write_to_its_own_retries_and_to_nobodys_queue(service: str) -> None:
    role = ROLES[service]
    expected = {queue.retry_exchange for queue in role.consumes} | ({DEAD_LETTER_EXCHANGE} if role.consumes else set())
    assert {name for name in NAMES if allows(ACCOUNTS[service].write, name)} == expected | {EXCHANGE}


@pytest.mark.parametrize(("service", "prefix"), list(product(ROLES, SUBSCRIPTIONS)))
def test_a_service_has_all_rights_on_its_subscriptions_and_none_on_those_of_others(service: str, prefix: str) -> None:
    rights, is_own = ACCOUNTS[service], SUBSCRIPTIONS[prefix] in ROLES[service].subscribes
    for pattern in (rights.configure, rights.write, rights.read):
        assert allows(pattern, f"{prefix}.{service}.0123456789ab.1") == is_own
        assert not allows(pattern, f"x{prefix}.1")
    assert not any(allows(rights.configure, name) for name in NAMES)


def test_every_event_has_one_publisher_besides_replays_and_every_queue_one_consumer() -> None:
    assert {event for role in ROLES.values() for event in role.publishes} == set(EVENTS)
    consumed = [queue.name for role in ROLES.values() for queue in role.consumes]
    assert sorted(consumed) == sorted(queue.name for queue in WORK_QUEUES)


def test_the_operator_may_do_everything() -> None:
    rights = ACCOUNTS[OPERATOR]
    assert all(allows(pattern, name) for pattern in (rights.configure, rights.write, rights.read) for name in NAMES)


def test_a_password_hash_is_the_one_of_rabbitmqs_documentation() -> None:
    found = password_hash("test12", salt=bytes.fromhex("908DC60A"))
    assert found == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


def test_definitions_describe_the_named_accounts_and_everything_durable() -> None:
    found = definitions({"ingest": {"password": "secret"}})
    assert [user["name"] for user in found["users"]] == ["ingest"]
    assert [one["user"] for one in (*found["permissions"], *found["topic_permissions"])] == ["ingest", "ingest"]
    assert {one["name"] for one in (*found["exchanges"], *found["queues"])} == DECLARED
