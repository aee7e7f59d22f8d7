"""The broker's definitions file: accounts with their rights, exchanges, queues and bindings. Pure.

RabbitMQ imports it at every start (`load_definitions`) or with `rabbitmqctl import_definitions`. What exists stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.messaging.rabbitmq.accounts import ACCOUNTS, HASHING, password_hash
from shared.messaging.rabbitmq.declarations import QueueBounds, declarations
from shared.messaging.topology import EXCHANGE, WORK_QUEUES

VHOST = "/"


def hashed(password: str, *, salt: bytes) -> dict[str, str]:
    """Return the part of a user's definition that holds its password, which cannot be read from it."""
    return {"password_hash": password_hash(password, salt=salt), "hashing_algorithm": HASHING}


def definitions(credentials: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the definitions of every account in `credentials`, and of everything durable.

    Args:
        credentials: by account, what says its password; see `hashed`.
    """
    durable = declarations(WORK_QUEUES, QueueBounds())
    return {
        "users": [{"name": name, **credential, "tags": ""} for name, credential in credentials.items()],
        "vhosts": [{"name": VHOST}],
        "permissions": [_permission(name) for name in credentials],
        "topic_permissions": [_topic_permission(name) for name in credentials],
        "exchanges": _in_vhost(
            {"name": one.name, "type": one.type.value, "durable": True, "auto_delete": False, "arguments": {}}
            for one in durable.exchanges
        ),
        "queues": _in_vhost(
            {"name": one.name, "durable": True, "auto_delete": False, "arguments": one.arguments}
            for one in durable.queues
        ),
        "bindings": _in_vhost(
            {
                "source": one.exchange,
                "destination": one.queue,
                "destination_type": "queue",
                "routing_key": one.routing_key,
                "arguments": {},
            }
            for one in durable.bindings
        ),
    }


def _permission(account: str) -> dict[str, str]:
    rights = ACCOUNTS[account]
    return {
        "user": account,
        "vhost": VHOST,
        "configure": rights.configure,
        "write": rights.write,
        "read": rights.read,
    }


def _topic_permission(account: str) -> dict[str, str]:
    rights = ACCOUNTS[account]
    return {
        "user": account,
        "vhost": VHOST,
        "exchange": EXCHANGE,
        "write": rights.topic_write,
        "read": rights.topic_read,
    }


def _in_vhost(entries: Iterable[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return [{"vhost": VHOST, **entry} for entry in entries]
