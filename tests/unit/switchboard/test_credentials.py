import stat
from pathlib import Path

from switchboard.credentials import load_or_create, real_credentials, service_settings


def test_generated_secrets_are_kept_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, {})

    assert load_or_create(tmp_path, {}) == first
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    assert len(first.jwt_secret) >= 32


def test_the_environment_takes_precedence_and_is_not_written_to_disk(tmp_path: Path) -> None:
    given = load_or_create(tmp_path, {"SWITCHBOARD_ADMIN_TOKENS": "new, old"})

    assert given.admin_token == "new"
    assert "new" not in (tmp_path / "credentials.json").read_text()


def test_services_get_whole_lists_so_that_secrets_can_be_rotated(tmp_path: Path) -> None:
    environment = {"SWITCHBOARD_ADMIN_TOKENS": "new, old", "SWITCHBOARD_JWKS_URL": "https://id.example/keys"}

    values = service_settings(
        environment, load_or_create(tmp_path, environment), database_url="postgresql://x", amqp_url=None, graph_url="g"
    )

    assert values["admin_tokens"] == "new, old"
    assert "jwt_secret" not in values, "an identity provider's keys replace the secret"


def test_real_credentials_are_noticed_by_name_and_never_by_value() -> None:
    assert real_credentials({"SWITCHBOARD_APP_SECRETS": "x", "HOME": "/"}) == ["SWITCHBOARD_APP_SECRETS"]
    assert real_credentials({"SWITCHBOARD_APP_SECRETS": ""}) == []
