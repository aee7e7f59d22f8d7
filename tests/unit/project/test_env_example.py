"""Settings classes, `.env.example` and docker-compose.yml name the same variables; a service gets only its own."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

import enricher.settings
import ingest.settings
import push_gateway.settings
import store.settings
from shared.settings import ENV_PREFIX

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / ".env.example"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
START_FRONT_DOOR = (ROOT / "deploy" / "start-front-door").read_text()
SETTINGS: dict[str, type[BaseSettings]] = {
    "ingest": ingest.settings.Settings,
    "enricher": enricher.settings.Settings,
    "store": store.settings.Settings,
    "push-gateway": push_gateway.settings.Settings,
}
"""By the service's name in docker-compose.yml."""
MADE_BY_COMPOSE = {f"{ENV_PREFIX}{name}" for name in ("AMQP_URL", "DATABASE_URL", "STORE_INTERNAL_URL")}
"""Addresses of containers: docker-compose.yml composes them."""

OF_MIGRATIONS = {f"{ENV_PREFIX}MIGRATION_DATABASE_URL"}
"""Read by `switchboard migrate` and by no service."""


def variable(field: str) -> str:
    return f"{ENV_PREFIX}{field.upper()}"


def is_fixed_in_containers(field: str) -> bool:
    """Whether a container may not change a setting: nginx and the health checks expect the ports, on every address."""
    return field == "bind_host" or field.endswith("_port")


def named_by_front_door() -> set[str]:
    return set(re.findall(rf"\$\{{({ENV_PREFIX}\w+)", START_FRONT_DOOR))


def named_by_published_ports() -> set[str]:
    ports = " ".join(port for service in COMPOSE["services"].values() for port in service.get("ports", []))
    return set(re.findall(rf"\$\{{({ENV_PREFIX}\w+)", ports))


def test_every_setting_is_listed_and_every_listed_one_exists() -> None:
    listed = set(re.findall(rf"^#? ?({ENV_PREFIX}\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    existing = {variable(field) for settings in SETTINGS.values() for field in settings.model_fields}

    assert listed == existing | named_by_front_door() | named_by_published_ports() | OF_MIGRATIONS


@pytest.mark.parametrize("service", SETTINGS)
def test_compose_passes_a_service_every_setting_and_none_of_another_service(service: str) -> None:
    fields = SETTINGS[service].model_fields

    assert set(COMPOSE["services"][service]["environment"]) == {
        variable(field) for field in fields if not is_fixed_in_containers(field)
    }


@pytest.mark.parametrize("service", SETTINGS)
def test_compose_has_no_defaults_of_its_own_and_demands_what_has_none(service: str) -> None:
    fields = SETTINGS[service].model_fields
    environment: dict[str, str] = COMPOSE["services"][service]["environment"]
    required = {variable(field) for field, info in fields.items() if info.is_required()}

    for name in set(environment) - MADE_BY_COMPOSE:
        passed = f"${{{name}:?is not set - run make env}}" if name in required else f"${{{name}:-}}"
        assert environment[name] == passed


def test_compose_passes_the_front_door_what_it_reads() -> None:
    environment = COMPOSE["services"]["front-door"]["environment"]

    assert environment == {name: f"${{{name}:-}}" for name in named_by_front_door()}


def test_the_migration_gets_the_address_of_the_database_and_nothing_else() -> None:
    assert set(COMPOSE["services"]["migrate"]["environment"]) == {variable("database_url")}


def test_only_the_front_door_publishes_a_port_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}

    assert published == {"front-door": [f"${{{ENV_PREFIX}PORT_ADDRESS:-127.0.0.1}}:${{{ENV_PREFIX}PORT:-8080}}:8080"]}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_an_empty_variable_means_the_default(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    complete = {
        "amqp_url": "amqp://user@broker",
        "database_url": "postgresql://user@database/name",
        "store_internal_url": "http://store",
        "jwt_secret": "s" * 32,
        "encryption_keys": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    }
    given = {
        field: complete.get(field, "x" * 32)
        for field, info in settings.model_fields.items()
        if info.is_required() or field in complete
    }
    for field in settings.model_fields:
        monkeypatch.setenv(variable(field), given.get(field, ""))
    all_empty = settings()
    for field in settings.model_fields.keys() - given.keys():
        monkeypatch.delenv(variable(field))

    assert all_empty == settings()
