"""What each service's broker account may do, computed from the topology. Pure.

RabbitMQ checks three regular expressions against the names of exchanges and queues (configure, write, read), and on the
topic exchange two more against routing keys. Nobody may write to the default exchange: it leads to every queue.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts import Event
from shared.messaging.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, ROLES, Role, SubscriptionQueue

OPERATOR = "operator"
"""The account that may do everything on the virtual host: for whoever repairs the broker, and for no service."""
NOTHING = "^$"
EVERYTHING = ".*"
SALT_BYTES = 4
HASHING = "rabbit_password_hashing_sha256"


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Regular expressions of one account; `topic_write` and `topic_read` apply to the exchange of all events."""

    configure: str = EVERYTHING
    write: str = EVERYTHING
    read: str = EVERYTHING
    topic_write: str = EVERYTHING
    topic_read: str = EVERYTHING


def rights_of(role: Role) -> Rights:
    """Return what a service with this role needs on the broker, and nothing else."""
    own = [_names_of(queue) for queue in role.subscribes]
    writes = [*own, *(re.escape(queue.retry_exchange) for queue in role.consumes)]
    reads = [*own, *(re.escape(queue.name) for queue in role.consumes)]
    if role.publishes:
        writes.append(re.escape(EXCHANGE))
    if role.consumes:
        writes.append(re.escape(DEAD_LETTER_EXCHANGE))
    if role.subscribes:
        reads.append(re.escape(EXCHANGE))  # to bind a queue to it
    return Rights(
        configure=_any_of(own),
        write=_any_of(writes),
        read=_any_of(reads),
        topic_write=_any_of(map(_keys_of, role.publishes)),
        topic_read=_any_of(_keys_of(queue.event) for queue in role.subscribes),
    )


def password_hash(password: str, *, salt: bytes) -> str:
    """Return the hash of a password as RabbitMQ stores it (rabbitmq.com, "Credentials and Passwords").

    Args:
        password: of any length.
        salt: `SALT_BYTES` random bytes.
    """
    return b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _names_of(queue: SubscriptionQueue) -> str:
    return rf"{re.escape(queue.prefix)}\..+"


def _keys_of(event: type[Event]) -> str:
    return rf"{re.escape(event.type_name())}\.[0-9]+"


def _any_of(alternatives: Iterable[str]) -> str:
    found = sorted(set(alternatives))
    return f"^({'|'.join(found)})$" if found else NOTHING


ACCOUNTS = {OPERATOR: Rights(), **{service: rights_of(role) for service, role in ROLES.items()}}
"""By the name of the account: one per service, and the operator's."""
