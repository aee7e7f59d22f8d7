import pytest

from store.errors import InvalidDatabaseUrl
from store.repository.postgres.url import connect_arguments

ADDRESS = "postgresql://switchboard:secret@db.internal/switchboard"


def test_a_parameter_that_the_driver_does_not_know_is_refused_by_name_and_the_password_is_not_shown() -> None:
    with pytest.raises(InvalidDatabaseUrl, match="target_colour") as refused:
        connect_arguments(f"{ADDRESS}?target_colour=blue", command_timeout_seconds=5)
    assert "secret" not in str(refused.value)


def test_the_cache_of_sqlalchemys_own_pool_is_accepted_and_has_no_effect() -> None:
    plain = connect_arguments(ADDRESS, command_timeout_seconds=5)
    assert connect_arguments(f"{ADDRESS}?prepared_statement_cache_size=0", command_timeout_seconds=5) == plain


def test_a_pooler_without_prepared_statements_gets_none() -> None:
    arguments = connect_arguments(f"{ADDRESS}?statement_cache_size=0", command_timeout_seconds=5)
    assert arguments["statement_cache_size"] == 0
