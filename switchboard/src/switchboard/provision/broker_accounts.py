"""The accounts of a private broker: one per service and one for the operator, with new passwords in every process."""

import secrets
from typing import Any

from shared.messaging.rabbitmq.accounts import ACCOUNTS, NOTHING, SALT_BYTES
from shared.messaging.rabbitmq.definitions import VHOST, definitions, hashed

DEFAULT_ACCOUNT = "guest"
"""RabbitMQ makes it on an empty node without definitions. Everybody knows its password."""
_RIGHTS = ("configure", "write", "read")


class BrokerAccounts:
    """The passwords, the addresses that contain them, and the definitions that a broker imports."""

    def __init__(self) -> None:
        self.passwords = {name: secrets.token_urlsafe(36) for name in ACCOUNTS}

    def url(self, account: str, port: int) -> str:
        """Return `amqp://account:password@127.0.0.1:port/`."""
        return f"amqp://{account}:{self.passwords[account]}@127.0.0.1:{port}/"

    def definitions(self, *, shut_default_account: bool) -> dict[str, Any]:
        """Return the definitions for the broker.

        Args:
            shut_default_account: whether the broker has the default account of an earlier version. It then gets a
                password that nobody knows and no rights, because an import can change accounts and not delete them.
        """
        found = definitions({name: _hashed(password) for name, password in self.passwords.items()})
        if shut_default_account:
            found["users"].append({"name": DEFAULT_ACCOUNT, **_hashed(secrets.token_urlsafe(36)), "tags": ""})
            found["permissions"].append({"user": DEFAULT_ACCOUNT, "vhost": VHOST, **dict.fromkeys(_RIGHTS, NOTHING)})
        return found


def _hashed(password: str) -> dict[str, str]:
    return hashed(password, salt=secrets.token_bytes(SALT_BYTES))
