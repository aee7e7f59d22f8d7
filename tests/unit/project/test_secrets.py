"""Every secret of every service is refused if it is empty or short: nobody has to remember the check."""

from typing import get_args

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

import enricher.settings
import ingest.settings
import push_gateway.settings
import store.settings
from shared.settings import ENV_PREFIX, InvalidSettings, load

SERVICES: dict[str, type[BaseSettings]] = {
    "ingest": ingest.settings.Settings,
    "enricher": enricher.settings.Settings,
    "store": store.settings.Settings,
    "push gateway": push_gateway.settings.Settings,
}
ADDRESSES = {"database_url"}
"""A URL, whose password is the database's to judge."""
SECRET_WORDS = ("secret", "token", "key")


def holds_a_secret(name: str, annotation: object) -> bool:
    is_secret = annotation is SecretStr or any(holds_a_secret(name, each) for each in get_args(annotation))
    return is_secret or (any(f"{word}s" == name.rpartition("_")[2] for word in SECRET_WORDS))


SECRETS = [
    pytest.param(settings, name, id=f"{service} {name}")
    for service, settings in SERVICES.items()
    for name, field in settings.model_fields.items()
    if holds_a_secret(name, field.annotation) and name not in ADDRESSES
]


@pytest.mark.parametrize(("settings", "name"), SECRETS)
@pytest.mark.parametrize("value", [" ", "x", "short", "0123456789abcde"])
def test_a_blank_or_short_secret_is_refused_at_start(
    settings: type[BaseSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{ENV_PREFIX}{name.upper()}"
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettings) as refused:
        load(settings)

    assert [line for line in str(refused.value).splitlines() if line.startswith(f"{variable}: ")]
