"""`switchboard broker-definitions`: the broker's accounts, exchanges and queues as RabbitMQ imports them."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.errors import StartupRefused
from shared.messaging.rabbitmq.accounts import ACCOUNTS, SALT_BYTES
from shared.messaging.rabbitmq.definitions import definitions, hashed
from switchboard.private_files import write_owner_only

PASSWORD_BYTES = 36


def broker_definitions(passwords_file: Path, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return the definitions as JSON, with hashes of the passwords in `passwords_file`.

    Accounts without a password get one, which is added to the file; only its owner may read it.

    Args:
        passwords_file: JSON, passwords by account; created if missing.
        random_bytes: returns so many random bytes.

    Raises:
        StartupRefused: the file is not what it should be.
    """
    known = _read(passwords_file)
    passwords = {name: known.get(name) or random_bytes(PASSWORD_BYTES).hex() for name in ACCOUNTS}
    if passwords != known:
        write_owner_only(passwords_file, json.dumps(known | passwords, indent=1))
    credentials = {name: hashed(password, salt=random_bytes(SALT_BYTES)) for name, password in passwords.items()}
    return json.dumps(definitions(credentials), indent=1) + "\n"


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found: Any = json.loads(path.read_text())
    except ValueError as error:
        raise StartupRefused(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(password, str) for password in found.values()):
        raise StartupRefused(f"{path} must hold one JSON object: a password for each account.")
    return found
