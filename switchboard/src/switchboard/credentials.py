"""Secrets of a system on one machine: from the environment, else made once and kept in the data folder."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cryptography.fernet import Fernet

from shared.settings import ENV_PREFIX


@dataclass(frozen=True)
class Credentials:
    """Each field comes from the variable beside it, when that is set."""

    app_secret: str
    verify_token: str
    admin_token: str
    service_token: str
    jwt_secret: str
    encryption_key: str


_VARIABLES = {
    "app_secret": "APP_SECRETS",
    "verify_token": "VERIFY_TOKENS",
    "admin_token": "ADMIN_TOKENS",
    "service_token": "SERVICE_TOKENS",
    "jwt_secret": "JWT_SECRET",
    "encryption_key": "ENCRYPTION_KEYS",
}
REAL_CREDENTIALS = ("APP_SECRETS", "VERIFY_TOKENS")
"""Whoever sets one of these is connected to the platforms: no simulator beside real customers."""


def real_credentials(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that hold credentials of the real platforms."""
    return [ENV_PREFIX + name for name in REAL_CREDENTIALS if environment.get(ENV_PREFIX + name)]


def load_or_make(data_dir: Path, environment: Mapping[str, str]) -> Credentials:
    """Return the credentials; what the environment does not set is made once and kept, readable by its owner only.

    Of a comma-separated list the first is the one that this machine's own commands use.
    """
    path = data_dir / "credentials.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    made = {field.name: kept.get(field.name) or _make(field.name) for field in fields(Credentials)}
    if made != kept:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made, file, indent=1)
    given = {
        name: environment[ENV_PREFIX + variable].split(",")[0].strip()
        for name, variable in _VARIABLES.items()
        if environment.get(ENV_PREFIX + variable)
    }
    return Credentials(**{**made, **given})


def service_settings(
    environment: Mapping[str, str], credentials: Credentials, *, database_url: str, amqp_url: str | None, graph_url: str
) -> dict[str, str]:
    """Return what all services together read, by settings field; the environment's own values come first.

    An identity provider's key set in the environment replaces the secret that user tokens are signed with here.
    """
    values = {
        "database_url": database_url,
        "graph_url": graph_url,
        "log_format": "json",
        # Broker and database are stopped after the services, and all together have ten seconds.
        "shutdown_grace_seconds": "5",
        **{variable.lower(): getattr(credentials, name) for name, variable in _VARIABLES.items()},
        **{
            name.removeprefix(ENV_PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(ENV_PREFIX) and value
        },
    }
    if amqp_url:
        values["amqp_url"] = amqp_url
    if values.get("jwks_url"):
        del values["jwt_secret"]
    return values


def _make(name: str) -> str:
    return Fernet.generate_key().decode() if name == "encryption_key" else secrets.token_urlsafe(36)
