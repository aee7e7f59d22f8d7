"""The secrets of a local system: from the environment, or generated once and kept in the data folder."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cryptography.fernet import Fernet

from shared.security.admin_tokens import first_token
from shared.security.user_tokens import MintedClaims
from shared.settings import ENV_PREFIX
from shared.store_client.callers import Caller
from switchboard.private_files import write_owner_only


@dataclass(frozen=True)
class Credentials:
    """One secret of each kind; an environment variable overrides the generated one.

    Each caller of the store has a token of its own, unless SWITCHBOARD_SERVICE_TOKENS is set.
    """

    app_secret: str
    verify_token: str
    admin_token: str
    enricher_token: str
    gateway_token: str
    jwt_secret: str
    encryption_key: str


_VARIABLES = {
    "app_secret": "APP_SECRETS",
    "verify_token": "VERIFY_TOKENS",
    "admin_token": "ADMIN_TOKENS",
    "jwt_secret": "JWT_SECRET",
    "encryption_key": "ENCRYPTION_KEYS",
}
REAL_CREDENTIALS = ("APP_SECRETS", "VERIFY_TOKENS")
"""If one of these is set, the system is connected to the platforms, and the simulator must not run."""


def real_credentials(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that are set to credentials of the real platforms."""
    return [ENV_PREFIX + name for name in REAL_CREDENTIALS if environment.get(ENV_PREFIX + name)]


def load_or_create(data_dir: Path, environment: Mapping[str, str]) -> Credentials:
    """Return the credentials of the environment; generate the missing ones and keep them in `data_dir`.

    The file is readable only by its owner. If a variable holds a comma-separated list, its first value is returned.
    """
    path = data_dir / "credentials.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    complete = {field.name: kept.get(field.name) or _generate(field.name) for field in fields(Credentials)}
    if complete != kept:
        write_owner_only(path, json.dumps(complete, indent=1))
    given = {
        name: _first(name, environment[ENV_PREFIX + variable])
        for name, variable in _VARIABLES.items()
        if environment.get(ENV_PREFIX + variable)
    }
    return Credentials(**{**complete, **given})


def service_settings(
    environment: Mapping[str, str], credentials: Credentials, *, database_url: str, amqp_url: str | None, graph_url: str
) -> dict[str, str]:
    """Return the settings of all services, by field name; values of the environment take precedence.

    A key set URL in the environment (`SWITCHBOARD_JWKS_URL`) replaces the secret that signs user tokens.
    """
    values = {
        "database_url": database_url,
        "service_tokens": f"{Caller.ENRICHER}:{credentials.enricher_token},"
        f"{Caller.PUSH_GATEWAY}:{credentials.gateway_token}",
        "graph_url": graph_url,
        "log_format": "json",
        # Broker and database stop after the services, and everything has to stop within ten seconds.
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


def _first(name: str, value: str) -> str:
    return first_token(value) if name == "admin_token" else value.split(",", maxsplit=1)[0].strip()


def minted_claims(environment: Mapping[str, str]) -> MintedClaims:
    """Return what a token must carry that this system accepts, by the variables that the services read too."""
    return MintedClaims(
        user_id_claim=environment.get(f"{ENV_PREFIX}JWT_USER_ID_CLAIM") or "sub",
        issuer=environment.get(f"{ENV_PREFIX}JWT_ISSUER") or None,
        audience=environment.get(f"{ENV_PREFIX}JWT_AUDIENCE") or None,
    )


def _generate(name: str) -> str:
    return Fernet.generate_key().decode() if name == "encryption_key" else secrets.token_urlsafe(36)
