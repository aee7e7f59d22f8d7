import hmac
from datetime import UTC, datetime
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest import core
from shared.contracts import PLATFORMS
from shared.security.app_secrets import AppSecret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def plain(*secrets: bytes) -> list[AppSecret]:
    return [AppSecret(SecretStr(secret.decode()), frozenset(PLATFORMS)) for secret in secrets]


def signature(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, sha256).hexdigest()


@given(
    st.binary(max_size=200),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=1, max_size=3),
    st.data(),
)
def test_a_body_signed_with_any_configured_secret_is_accepted(
    body: bytes, texts: list[str], data: st.DataObject
) -> None:
    secrets = plain(*(text.encode() for text in texts))
    given_secret = data.draw(st.sampled_from(secrets))

    assert core.signer(body, signature(body, given_secret.key), secrets) == given_secret


@given(st.binary(max_size=50), st.one_of(st.none(), st.text(max_size=90)))
def test_no_other_header_passes_or_raises(body: bytes, header: str | None) -> None:
    assert not core.signer(body, header, plain(b"secret"))


@given(st.binary(min_size=1, max_size=50), st.data())
def test_one_changed_bit_is_enough_to_refuse(body: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[position // 8] ^= 1 << position % 8

    assert not core.signer(bytes(changed), signature(body, b"secret"), plain(b"secret"))


def test_the_signature_of_a_known_body_never_changes() -> None:
    """Computed with `printf '{"object":"page"}' | openssl dgst -sha256 -hmac secret`."""
    known = "sha256=c1456f83e15385a03562cbe2eaaa918ec5e06b4f170f909283a2781c7924e4d1"

    assert core.signer(b'{"object":"page"}', known, plain(b"secret"))


def test_a_verification_request_needs_mode_and_token() -> None:
    accepted = [b"one", "zwei ü".encode()]

    assert core.is_verification("subscribe", "one", accepted)
    assert core.is_verification("subscribe", "zwei ü", accepted)
    assert not core.is_verification("unsubscribe", "one", accepted)
    assert not core.is_verification(None, "one", accepted)
    assert not core.is_verification("subscribe", "", [*accepted, b""])
    assert not core.is_verification("subscribe", "two", accepted)


def test_the_id_depends_on_body_and_platform_only() -> None:
    first = core.webhook_received("facebook", b"{}", signed_by="app", now=NOW, traceparent=None)

    assert (
        first.id
        == core.webhook_received("facebook", b"{}", signed_by="app", now=NOW.replace(year=2027), traceparent=None).id
    )
    assert first.id != core.webhook_received("instagram", b"{}", signed_by="app", now=NOW, traceparent=None).id


def test_only_a_well_formed_traceparent_is_passed_on() -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert core.webhook_received("facebook", b"", signed_by="app", now=NOW, traceparent=good).traceparent == good
    assert core.webhook_received("facebook", b"", signed_by="app", now=NOW, traceparent="nonsense\n").traceparent == ""
