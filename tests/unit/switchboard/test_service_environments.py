"""Each service process finds its own secrets in its environment, and those of no other service."""

import pytest

from shared.settings import ENV_PREFIX
from switchboard.service_environments import SETTINGS, service_environments
from switchboard.service_processes import MODULES

TOKENS = "enricher:the-token-of-the-enricher,push-gateway:the-token-of-the-gateway,plain"
ALL = {name: f"value of {name}" for settings in SETTINGS.values() for name in settings.model_fields}
ENVIRONMENT = {"PATH": "/bin", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x", "SWITCHBOARD_ADMIN_TOKENS": "x"}


def test_every_service_has_its_settings() -> None:
    assert SETTINGS.keys() == MODULES.keys()


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_gets_exactly_the_fields_of_its_settings(service: str) -> None:
    found = service_environments(ENVIRONMENT, {**ALL, "service_tokens": TOKENS}, {})[service]

    assert found.keys() - {"PATH", "LC_ALL"} == {
        f"{ENV_PREFIX}{name.upper()}" for name in SETTINGS[service].model_fields
    }


def test_a_caller_gets_its_own_service_token_and_the_store_gets_all() -> None:
    found = service_environments({}, {**ALL, "service_tokens": TOKENS}, {})

    assert {name: values.get(f"{ENV_PREFIX}SERVICE_TOKENS") for name, values in found.items()} == {
        "store": TOKENS,
        "enricher": "enricher:the-token-of-the-enricher,plain",
        "push-gateway": "push-gateway:the-token-of-the-gateway,plain",
        "ingest": None,
    }


def test_a_service_gets_the_broker_address_of_its_own_account() -> None:
    urls = {name: f"amqp://{name}@broker" for name in SETTINGS}
    found = service_environments({}, {**ALL, "service_tokens": TOKENS}, urls)

    assert {name: values[f"{ENV_PREFIX}AMQP_URL"] for name, values in found.items()} == urls
