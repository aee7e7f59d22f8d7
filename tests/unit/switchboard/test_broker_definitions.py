import json
import stat
from pathlib import Path

import pytest

from shared.errors import StartupRefused
from shared.messaging.rabbitmq.accounts import ACCOUNTS
from switchboard.broker_definitions import broker_definitions


def test_every_account_gets_a_password_that_only_the_owner_of_the_file_can_read(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    found = json.loads(broker_definitions(path))

    passwords = json.loads(path.read_text())
    assert [user["name"] for user in found["users"]] == list(passwords) == list(ACCOUNTS)
    assert not any(password in json.dumps(found) for password in passwords.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_passwords_stay_when_definitions_are_printed_again(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    path.write_text(json.dumps({"ingest": "kept"}))
    broker_definitions(path)
    first = json.loads(path.read_text())
    broker_definitions(path)

    assert first["ingest"] == "kept"
    assert json.loads(path.read_text()) == first


@pytest.mark.parametrize("content", ["no json", "[]", '{"ingest": 1}'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "passwords.json"
    path.write_text(content)
    with pytest.raises(StartupRefused, match="passwords"):
        broker_definitions(path)
    assert path.read_text() == content
