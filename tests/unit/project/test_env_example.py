"""`.env.example` names every variable of every service and of the front door, and no other."""

import re
from pathlib import Path

from pydantic_settings import BaseSettings

import enricher.settings
import ingest.settings
import push_gateway.settings
import store.settings
from shared.settings import ENV_PREFIX

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / ".env.example"
FRONT_DOOR = (ROOT / "deploy" / "start-front-door", ROOT / "docker-compose.yml")
"""They read variables that belong to no service: which pages may embed the inbox, and the published port."""
SETTINGS: tuple[type[BaseSettings], ...] = (
    ingest.settings.Settings,
    enricher.settings.Settings,
    store.settings.Settings,
    push_gateway.settings.Settings,
)


def test_every_setting_is_listed_and_every_listed_one_exists() -> None:
    listed = set(re.findall(rf"^#? ?({ENV_PREFIX}\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    existing = {f"{ENV_PREFIX}{name.upper()}" for settings in SETTINGS for name in settings.model_fields}

    front_door = {name for file in FRONT_DOOR for name in re.findall(rf"\$\{{({ENV_PREFIX}\w+)", file.read_text())}

    assert listed == existing | front_door
