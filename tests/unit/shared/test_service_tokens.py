"""Who may call which path of the store's internal API."""

import pytest

from shared.store_client import paths
from shared.store_client.callers import PATHS, Caller, identify, parse_service_tokens, tokens_of

TOKEN = "a-token-of-thirty-two-characters"
OTHER = "another-token-of-many-characters"
ALL_PATHS = {value for name, value in vars(paths).items() if name.endswith("_PATH")}


def test_every_path_is_open_to_exactly_one_caller_but_revoked_tokens_to_all() -> None:
    opened = [path for caller in Caller for path in PATHS[caller]]
    more = [paths.REVOCATIONS_PATH] * (len(Caller) - 1)
    assert sorted(opened) == sorted([*ALL_PATHS, *more])


def test_a_named_token_opens_what_its_caller_needs_and_a_plain_one_opens_everything() -> None:
    named, plain = parse_service_tokens([f"push-gateway:{TOKEN}", OTHER])
    assert {path for path in ALL_PATHS if named.may_call(path)} == PATHS[Caller.PUSH_GATEWAY]
    assert all(plain.may_call(path) for path in ALL_PATHS)


def test_a_caller_may_have_two_tokens_while_one_is_rotated() -> None:
    tokens = parse_service_tokens([f"enricher:{TOKEN}", f"enricher:{OTHER}"])
    assert [identify(given, tokens) for given in (TOKEN, OTHER)] == tokens


@pytest.mark.parametrize("given", [None, "", "enricher", f"enricher:{TOKEN}", TOKEN[:-1]])
def test_nothing_but_a_whole_token_identifies_a_caller(given: str | None) -> None:
    assert identify(given, parse_service_tokens([f"enricher:{TOKEN}"])) is None


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([f"enrichr:{TOKEN}"], "entry 1 names no caller: write enricher:TOKEN or push-gateway:TOKEN"),
        ([OTHER, "enricher:"], "entry 2 has no usable token"),
        (["enricher:short"], "entry 1 has no usable token"),
        ([f"enricher:{TOKEN[:10]} {TOKEN}"], "entry 1 has no usable token"),
        ([f"enricher:{TOKEN}", f"push-gateway:{TOKEN}"], "the same token is given twice"),
    ],
)
def test_a_malformed_entry_is_refused_and_no_secret_is_repeated(entries: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_service_tokens(entries)
    assert TOKEN not in str(refused.value)


def test_a_service_uses_its_own_token_and_refuses_to_start_with_only_that_of_another_one() -> None:
    theirs, ours, plain = parse_service_tokens([f"push-gateway:{TOKEN}", f"enricher:{OTHER}", "a-plain-service-token"])
    assert tokens_of(Caller.ENRICHER)([theirs, ours, plain]) == [ours, plain]
    with pytest.raises(ValueError, match="no token is that of enricher: write enricher:TOKEN"):
        tokens_of(Caller.ENRICHER)([theirs])


def test_a_plain_token_that_no_header_can_carry_is_refused_with_its_characters() -> None:
    with pytest.raises(
        ValueError, match=r"entry 2 contains .* U\+2026 \(horizontal ellipsis\) at position 20"
    ) as raised:
        parse_service_tokens(["a-service-token-of-ours", "another-token-of-us\u2026"])

    assert "another" not in str(raised.value)
