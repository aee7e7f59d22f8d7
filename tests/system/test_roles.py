"""Every process of `up --processes` has its own rights and secrets, and its files are its owner's."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from shared.settings import ENV_PREFIX
from switchboard.service_environments import SETTINGS
from tests.system.running import System, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system with its own Postgres and RabbitMQ, so that everything is as `up` makes it."""
    data_dir: Path = tmp_path_factory.mktemp("roles")
    async with running_system(data_dir, "--processes", "--no-simulator", "--graph-url", "http://127.0.0.1:9") as system:
        yield system


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().rstrip("\0").split("\0")
    return dict(entry.partition("=")[::2] for entry in entries)


async def test_a_process_has_the_variables_of_its_own_settings_only(system: System) -> None:
    for service, settings in SETTINGS.items():
        ours = {name for name in environment_of(system.pid(service)) if name.startswith(ENV_PREFIX)}
        allowed = {f"{ENV_PREFIX}{name.upper()}" for name in settings.model_fields}
        assert ours, service
        assert ours <= allowed, service


async def test_no_process_holds_a_secret_of_another(system: System) -> None:
    secrets: dict[str, str] = json.loads((system.data_dir / "credentials.json").read_text())
    holders = {
        name: {service for service in SETTINGS if secret in str(environment_of(system.pid(service)))}
        for name, secret in secrets.items()
    }
    assert holders == {
        "app_secret": {"ingest", "enricher"},
        "verify_token": {"ingest"},
        "admin_token": {"store"},
        "enricher_token": {"store", "enricher"},
        "gateway_token": {"store", "push-gateway"},
        "jwt_secret": {"store", "enricher", "push-gateway"},
        "encryption_key": {"store", "enricher"},
    }


async def test_every_process_has_its_own_broker_account(system: System) -> None:
    accounts = {
        service: urlsplit(environment_of(system.pid(service))[f"{ENV_PREFIX}AMQP_URL"]).username for service in SETTINGS
    }
    assert accounts == {service: service for service in SETTINGS}


async def test_what_the_system_writes_is_readable_by_its_owner_only(system: System) -> None:
    found = [
        path
        for folder in ("logs", "rabbitmq")
        for path in (system.data_dir / folder, *(system.data_dir / folder).rglob("*"))
    ]
    found += [system.data_dir / name for name in ("pids.json", "credentials.json", "postgres/postgres.log")]
    found += [system.data_dir / "postgres/cluster"]
    assert any(path.name == ".erlang.cookie" for path in found)
    # Anything may disappear while we look; nothing that is there may be open to others.
    open_to_others = {str(path) for path in found if path.exists() and stat.S_IMODE(path.lstat().st_mode) & 0o077}
    assert open_to_others == set()
