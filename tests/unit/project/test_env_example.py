"""`.env.example` names every variable of every service, and no other."""

import re
from pathlib import Path

from pydantic_settings import BaseSettings

import enricher.settings
import ingest.settings
import push_gateway.settings
import store.settings
from shared.settings import ENV_PREFIX

EXAMPLE = Path(__file__).parents[3] / ".env.example"
SETTINGS: tuple[type[BaseSettings], ...] = (
    ingest.settings.Settings,
    enricher.settings.Settings,
    store.settings.Settings,
    push_gateway.settings.Settings,
)


def test_every_setting_is_listed_and_every_listed_one_exists() -> None:
    listed = set(re.findall(rf"^#? ?({ENV_PREFIX}\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    existing = {f"{ENV_PREFIX}{name.upper()}" for settings in SETTINGS for name in settings.model_fields}

    assert listed == existing
