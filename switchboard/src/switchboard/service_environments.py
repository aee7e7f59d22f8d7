"""What each service process finds in its environment: its own settings and secrets, and those of no other service."""

from collections.abc import Mapping

import enricher.settings
import ingest.settings
import push_gateway.settings
import store.settings
from shared.settings import ENV_PREFIX, ServiceSettings
from shared.store_client.callers import Caller

SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "store": store.settings.Settings,
    "push-gateway": push_gateway.settings.Settings,
    "enricher": enricher.settings.Settings,
    "ingest": ingest.settings.Settings,
}
_ORDINARY = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR"}
)
_ORDINARY_PREFIXES = ("LC_", "PYTHON", "COVERAGE")
"""What a program needs to run. Anything else may be a secret of whoever started us."""


def service_environments(
    environment: Mapping[str, str], settings: Mapping[str, str], amqp_urls: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the environment of each service's process.

    Args:
        environment: of our own process.
        settings: of all services, by field name.
        amqp_urls: by service, the address of the broker that replaces the one in `settings`.
    """
    ordinary = {
        name: value for name, value in environment.items() if name in _ORDINARY or name.startswith(_ORDINARY_PREFIXES)
    }
    return {name: {**ordinary, **_variables(name, _with_broker(settings, amqp_urls.get(name)))} for name in SETTINGS}


def _with_broker(settings: Mapping[str, str], amqp_url: str | None) -> Mapping[str, str]:
    return settings if amqp_url is None else {**settings, "amqp_url": amqp_url}


def _variables(service: str, settings: Mapping[str, str]) -> dict[str, str]:
    own = {name: settings[name] for name in SETTINGS[service].model_fields if name in settings}
    if service in list(Caller):
        own["service_tokens"] = _tokens_of(service, own["service_tokens"])
    return {f"{ENV_PREFIX}{name.upper()}": value for name, value in own.items()}


def _tokens_of(caller: str, service_tokens: str) -> str:
    """Return the entries that are the caller's own, or nobody's."""
    entries = [entry.strip() for entry in service_tokens.split(",")]
    return ",".join(entry for entry in entries if ":" not in entry or entry.startswith(f"{caller}:"))
