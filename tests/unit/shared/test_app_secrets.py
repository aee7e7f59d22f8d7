"""Which app secret speaks for which page, and how the setting says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import PLATFORMS, Platform
from shared.security.app_secrets import AppSecret, AppSecrets, first_secret, parse_app_secrets

A, B, C = "the-secret-of-app-a", "the-secret-of-app-b", "the-secret-of-app-c"


def may_speak(entries: list[str], secret: str, platform: Platform, page_id: str) -> bool:
    signed_by = next(each.id for each in parse_app_secrets(entries) if each.secret.get_secret_value() == secret)
    return AppSecrets(parse_app_secrets(entries)).refusal(signed_by, platform, page_id) is None


def test_plain_secrets_speak_for_every_page() -> None:
    assert all(may_speak([A, B], secret, platform, "1") for secret in (A, B) for platform in PLATFORMS)


def test_a_secret_speaks_for_its_platforms_only() -> None:
    entries = [f"facebook+instagram={A}", f"whatsapp={B}"]

    assert [may_speak(entries, A, platform, "1") for platform in PLATFORMS] == [True, True, False]
    assert [may_speak(entries, B, platform, "1") for platform in PLATFORMS] == [False, False, True]


def test_a_page_that_is_named_belongs_to_the_entries_that_name_it() -> None:
    entries = [A, f"facebook@1+2={B}", f"facebook@2={C}"]

    assert [may_speak(entries, secret, "facebook", "1") for secret in (A, B, C)] == [False, True, False]
    assert [may_speak(entries, secret, "facebook", "2") for secret in (A, B, C)] == [False, True, True]
    assert [may_speak(entries, secret, "facebook", "3") for secret in (A, B, C)] == [True, False, False]
    assert [may_speak(entries, secret, "whatsapp", "1") for secret in (A, B, C)] == [True, False, False]


def test_one_secret_may_have_several_entries() -> None:
    entries = [f"facebook@1={A}", f"whatsapp@5={A}"]

    assert may_speak(entries, A, "facebook", "1")
    assert may_speak(entries, A, "whatsapp", "5")
    assert not may_speak(entries, A, "whatsapp", "1")


def test_what_an_unknown_secret_signed_is_refused_only_if_secrets_are_bound() -> None:
    assert AppSecrets(parse_app_secrets([A])).refusal("0" * 16, "facebook", "1") is None
    bound = AppSecrets(parse_app_secrets([f"facebook={A}"]))
    assert "does not know" in (bound.refusal("0" * 16, "facebook", "1") or "")
    assert bound.refusal("", "facebook", "1") is None, "received before webhooks said who signed them"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("c2VjcmV0c2VjcmV0c2VjcmV0==", "has '=' but no platform before it"),
        (f"twitter={A}", "has '=' but no platform before it"),
        (f"facebook@={A}", "has '=' but no platform before it"),
        (f"Facebook={A}", "has '=' but no platform before it"),
        (f"facebook+instagram@1={A}", "names pages of more than one platform"),
        ("facebook=short", "has only 5 bytes"),
        ("facebook=", "is empty"),
        ("", "is empty"),
    ],
)
def test_an_ambiguous_entry_is_refused_and_not_repeated(entry: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="entry 2") as raised:
        parse_app_secrets([B, entry])

    assert sentence in str(raised.value)
    assert A not in str(raised.value)


@given(st.sets(st.sampled_from(PLATFORMS), min_size=1), st.sets(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)))
def test_an_entry_is_read_as_it_is_written(platforms: set[Platform], pages: set[str]) -> None:
    kept = frozenset(pages if len(platforms) == 1 else ())
    scope = "+".join(sorted(platforms)) + (f"@{'+'.join(sorted(kept))}" if kept else "")

    [found] = parse_app_secrets([f"{scope}={A}"])

    assert found == AppSecret(found.secret, frozenset(platforms), kept)
    assert found.secret.get_secret_value() == first_secret(f"{scope}={A},{B}") == A


def test_an_id_tells_secrets_apart_and_is_no_part_of_them() -> None:
    ids = {each.id for each in parse_app_secrets([A, B, f"facebook={A}"])}

    assert len(ids) == 2
    assert not any(each in A + B for each in ids)
