import pytest
from pydantic import BaseModel

from shared.security.admin_tokens import AdminScope, AdminTokens, first_token, identify, parse_admin_tokens

OPS = "ops-token-0123456789"
OTHER = "other-token-0123456789"


class Holder(BaseModel):
    admin_tokens: AdminTokens


def test_a_plain_token_is_the_administrator_with_every_scope() -> None:
    [parsed] = parse_admin_tokens([OPS])

    assert (parsed.name, parsed.scopes, parsed.token.get_secret_value()) == ("admin", frozenset(AdminScope), OPS)
    assert OPS not in repr(parsed)


def test_a_named_token_has_the_scopes_that_it_names() -> None:
    [some, everything] = parse_admin_tokens([f"desk:parked:read+tokens:mint:{OPS}", f"root:*:{OTHER}"])

    assert (some.name, set(some.scopes)) == ("desk", {AdminScope.PARKED_READ, AdminScope.TOKENS_MINT})
    assert (everything.name, everything.scopes) == ("root", frozenset(AdminScope))


def test_a_token_is_identified_as_a_whole() -> None:
    accepted = parse_admin_tokens([OPS, f"desk:ledger:{OTHER}"])

    assert [identify(given, accepted) for given in (OPS, OTHER)] == accepted
    for wrong in (None, "", OPS[:-1], f"desk:ledger:{OTHER}", "\ud800"):
        assert identify(wrong, accepted) is None


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        pytest.param(["secret:0123456789-0123456789"], "one colon", id="one colon"),
        pytest.param(["Desk!:ledger:secret-0123456789-0123456789"], "no valid name", id="name"),
        pytest.param([":ledger:secret-0123456789-0123456789"], "no valid name", id="no name"),
        pytest.param(["admin:ledger:secret-0123456789-0123456789"], "named 'admin'", id="the plain name"),
        pytest.param(["desk:secret:secret-0123456789-0123456789"], "unknown scope", id="scope"),
        pytest.param(["desk::secret-0123456789-0123456789"], "unknown scope", id="no scope"),
        pytest.param(["desk:ledger+:secret-0123456789-0123456789"], "unknown scope", id="half a list"),
        pytest.param(["desk:ledger:secret"], "fewer than 20", id="short"),
        pytest.param(["desk:ledger:"], "fewer than 20", id="no token"),
        pytest.param(["secret"], "fewer than 20", id="short plain token"),
        pytest.param(["secret 0123456789 0123456789"], "no Authorization header", id="spaces"),
        pytest.param(["secret-ü-0123456789-0123456789"], "no Authorization header", id="not ASCII"),
        pytest.param([f"desk:ledger:{OPS}", f"desk:ledger:{OTHER}"], "'desk' is given twice", id="duplicate name"),
        pytest.param([f"desk:ledger:{OPS}", OPS], "same token", id="duplicate token"),
    ],
)
def test_an_entry_that_is_unclear_is_refused_without_repeating_it(entries: list[str], named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        parse_admin_tokens(entries)

    assert "secret" not in str(refused.value)
    assert OPS not in str(refused.value)


def test_the_setting_is_comma_separated_and_never_empty() -> None:
    held = Holder.model_validate({"admin_tokens": f" {OPS} ,desk:ledger:{OTHER},"})

    assert [each.name for each in held.admin_tokens] == ["admin", "desk"]
    with pytest.raises(ValueError, match="at least 1 item"):
        Holder.model_validate({"admin_tokens": " , "})


@pytest.mark.parametrize("setting", [OPS, f"desk:parked:read:{OPS}, {OTHER}", f"{OPS},{OTHER}"])
def test_a_command_takes_the_first_token_of_the_setting(setting: str) -> None:
    assert first_token(setting) == OPS
