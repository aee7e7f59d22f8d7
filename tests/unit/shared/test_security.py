from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from shared.security.bearer import bearer_problem, bearer_token, is_one_of
from shared.security.cipher import TokenCipher, Undecryptable
from shared.security.user_tokens import InvalidUserToken, UserTokenSettings, mint, verifier
from shared.settings import InvalidSettings, Secrets, ServiceSettings, load

SECRET = SecretStr("s" * 32)
SETTINGS = UserTokenSettings(jwt_secret=SECRET)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_minted_token_may_have_a_name() -> None:
    token, _ = mint(SECRET, "42", now=now(), ttl=timedelta(minutes=5), name="Grace Hopper 🚢")

    assert (await verifier(SETTINGS).verify(token)).name == "Grace Hopper 🚢"


@pytest.mark.parametrize(("name", "passed_on"), [("cut \ud83d", "cut \ufffd"), ("", None), (7, None)])
async def test_an_invalid_name_is_repaired_or_left_out(name: Any, passed_on: str | None) -> None:
    claims = {"sub": "42", "exp": int(now().timestamp()) + 60, "name": name}
    token = jwt.encode(claims, SECRET.get_secret_value(), algorithm="HS256")

    assert (await verifier(SETTINGS).verify(token)).name == passed_on


@pytest.mark.parametrize("user_id", ["a\0b", "\ud800", " ", "ü", "42\n", "x" * 129, "", True, None, 1.5, ["42"]])
async def test_an_invalid_user_id_is_refused(user_id: Any) -> None:
    claims = {"sub": user_id, "exp": int(now().timestamp()) + 60}
    token = jwt.encode(claims, SECRET.get_secret_value(), algorithm="HS256")

    with pytest.raises(InvalidUserToken):
        await verifier(SETTINGS).verify(token)


async def test_a_minted_token_has_its_user_id() -> None:
    token, expires_at = mint(SECRET, "42", now=now(), ttl=timedelta(minutes=5))

    verified = await verifier(SETTINGS).verify(token)

    assert verified.user_id == "42"
    assert verified.expires_at == expires_at


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="garbage"),
        pytest.param(mint(SECRET, "42", now=now() - timedelta(hours=2), ttl=timedelta(hours=1))[0], id="expired"),
        pytest.param(mint(SecretStr("t" * 32), "42", now=now(), ttl=timedelta(hours=1))[0], id="another secret"),
        pytest.param(jwt.encode({"sub": "42"}, "s" * 32), id="no expiry"),
        pytest.param(jwt.encode({"exp": now() + timedelta(hours=1)}, "s" * 32), id="nobody"),
        pytest.param(jwt.encode({"sub": "", "exp": now() + timedelta(hours=1)}, "s" * 32), id="empty user"),
        pytest.param(jwt.encode({"sub": "42", "exp": now() + timedelta(hours=1)}, "", "none"), id="alg none"),
        pytest.param(jwt.encode({"sub": "42", "exp": now() + timedelta(hours=1)}, "s" * 64, "HS512"), id="other alg"),
    ],
)
async def test_an_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidUserToken):
        await verifier(SETTINGS).verify(token)


@pytest.mark.parametrize(
    "exp",
    [
        pytest.param(int(now().timestamp() * 1000) + 60_000, id="milliseconds"),
        pytest.param(10**30, id="beyond every clock"),
        pytest.param(str(int(now().timestamp()) + 60), id="text"),
        pytest.param([9_999_999_999], id="a list"),
    ],
)
async def test_an_expiry_that_is_not_a_number_of_seconds_is_refused(exp: object) -> None:
    with pytest.raises(InvalidUserToken):
        await verifier(SETTINGS).verify(jwt.encode({"sub": "42", "exp": exp}, "s" * 32))


async def test_a_token_minted_by_a_clock_ahead_of_ours_is_valid() -> None:
    token, _ = mint(SECRET, "42", now=now() + timedelta(seconds=2), ttl=timedelta(minutes=5))

    assert (await verifier(SETTINGS).verify(token)).user_id == "42"


async def test_an_expiry_has_no_leeway() -> None:
    token, _ = mint(SECRET, "42", now=now() - timedelta(seconds=61), ttl=timedelta(seconds=60))

    with pytest.raises(InvalidUserToken):
        await verifier(SETTINGS).verify(token)


async def test_a_numeric_subject_is_a_user_id_too() -> None:
    token = jwt.encode({"sub": 42, "exp": now() + timedelta(hours=1)}, "s" * 32)

    assert (await verifier(SETTINGS).verify(token)).user_id == "42"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="none"),
        pytest.param({"jwt_secret": "short"}, id="short secret"),
        pytest.param({"jwt_secret": "s" * 32, "jwks_url": "https://id.example/keys"}, id="both"),
        pytest.param({"jwks_url": "https://id.example/keys"}, id="key set without issuer"),
    ],
)
def test_exactly_one_sound_verifier_must_be_configured(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        UserTokenSettings(**settings)  # type: ignore[arg-type]  # wrong on purpose


def test_admin_tokens_are_compared_as_a_whole_and_several_may_be_valid() -> None:
    accepted = [SecretStr("new"), SecretStr("old")]

    assert is_one_of("new", accepted)
    assert is_one_of("old", accepted)
    assert not is_one_of("ne", accepted)
    assert not is_one_of("", accepted)
    assert not is_one_of(None, accepted)
    assert bearer_token("bearer  abc") == "abc"
    assert bearer_token("Basic abc") is None
    assert bearer_token("Bearer ") is None


def test_a_token_encrypted_with_an_older_key_is_decrypted_after_rotation() -> None:
    old, new = SecretStr(Fernet.generate_key().decode()), SecretStr(Fernet.generate_key().decode())
    ciphertext = TokenCipher([old]).encrypt("EAAB…")

    assert TokenCipher([new, old]).decrypt(ciphertext).get_secret_value() == "EAAB…"
    with pytest.raises(Undecryptable):
        TokenCipher([new]).decrypt(ciphertext)


async def test_a_minted_token_carries_what_the_verifier_requires() -> None:
    settings = UserTokenSettings(
        jwt_secret=SECRET, jwt_user_id_claim="account", jwt_issuer="https://us.example", jwt_audience="inbox"
    )
    minted_at = now()

    token, expires_at = mint(
        SECRET, "42", now=minted_at, ttl=timedelta(minutes=5), token_id="t-1", claims=settings.minted_claims
    )

    assert jwt.decode(token, options={"verify_signature": False}) == {
        "account": "42",
        "iss": "https://us.example",
        "aud": "inbox",
        "jti": "t-1",
        "iat": minted_at.timestamp(),
        "exp": expires_at.timestamp(),
    }
    verified = await verifier(settings).verify(token)
    assert (verified.user_id, verified.token_id, verified.issued_at) == ("42", "t-1", minted_at)


async def test_tokens_of_two_secrets_are_accepted_while_rotating_and_a_third_is_not() -> None:
    old, other = SecretStr("o" * 32), SecretStr("x" * 32)
    rotating = verifier(UserTokenSettings(jwt_secret=SECRET, jwt_previous_secrets=[old]))

    for secret in (SECRET, old):
        token, _ = mint(secret, "42", now=now(), ttl=timedelta(minutes=5))
        assert (await rotating.verify(token)).user_id == "42"
    forged, _ = mint(other, "42", now=now(), ttl=timedelta(minutes=5))
    with pytest.raises(InvalidUserToken):
        await rotating.verify(forged)
    expired, _ = mint(SECRET, "42", now=now() - timedelta(hours=2), ttl=timedelta(hours=1))
    with pytest.raises(InvalidUserToken, match="expired"):
        await rotating.verify(expired)


@pytest.mark.parametrize("iat", ["yesterday", [1], 10**30, None])
async def test_a_time_of_issue_that_is_not_a_number_of_seconds_is_refused(iat: object) -> None:
    token = jwt.encode({"sub": "42", "exp": now() + timedelta(hours=1), "iat": iat}, "s" * 32)

    with pytest.raises(InvalidUserToken):
        await verifier(SETTINGS).verify(token)


class _Guarded(ServiceSettings):
    service_tokens: Secrets


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        pytest.param({"JWT_SECRET": ""}, "set exactly one of", id="an empty JWT secret"),
        pytest.param({"JWT_SECRET": " " * 40}, "SWITCHBOARD_JWT_SECRET: is empty", id="a blank JWT secret"),
        pytest.param({"JWT_SECRET": "s" * 31}, "SWITCHBOARD_JWT_SECRET: has only 31 bytes", id="a short JWT secret"),
        pytest.param(
            {"JWT_SECRET": "s" * 32, "JWT_PREVIOUS_SECRETS": f"{'o' * 32},short"},
            "SWITCHBOARD_JWT_PREVIOUS_SECRETS: has only 5 bytes",
            id="a short previous secret",
        ),
        pytest.param(
            {"JWT_SECRET": "s" * 32, "JWT_USER_ID_CLAIM": "exp"}, "means something else", id="a claim that is taken"
        ),
        pytest.param({"SERVICE_TOKENS": ""}, "SWITCHBOARD_SERVICE_TOKENS: is not set", id="no service token"),
        pytest.param({"SERVICE_TOKENS": "  "}, "SWITCHBOARD_SERVICE_TOKENS: is empty", id="a blank service token"),
        pytest.param({"SERVICE_TOKENS": f"{'s' * 32},"}, "SWITCHBOARD_SERVICE_TOKENS: is empty", id="an empty entry"),
        pytest.param({"SERVICE_TOKENS": "short"}, "SWITCHBOARD_SERVICE_TOKENS: has only 5 bytes", id="a short one"),
    ],
)
def test_an_empty_or_short_secret_stops_the_start_with_a_sentence(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)

    with pytest.raises(InvalidSettings) as refused:
        load(_Guarded if "SERVICE_TOKENS" in variables else UserTokenSettings)

    assert sentence in str(refused.value)
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("token", "place"),
    [
        ("EAAB…", "U+2026 (horizontal ellipsis) at position 5"),
        (" EAAB", "U+0020 (space) at position 1"),
        ("EAAB\n", "U+000A (a control character) at position 5"),
        ("EA\u00e9B", "U+00E9 (latin small letter e with acute) at position 3"),
        ("EAAB\x7f", "U+007F"),
        ("EAAB\ud800", "U+D800"),
        ("…" * 9, "position 5 and 4 more"),
    ],
)
def test_characters_that_no_token_has_are_named_with_their_positions(token: str, place: str) -> None:
    problem = bearer_problem(token)
    assert problem is not None
    assert place in problem


@given(st.text(max_size=40))
def test_a_token_has_no_problem_exactly_when_a_header_carries_it_unchanged(token: str) -> None:
    problem = bearer_problem(token)
    assert (problem is None) == (token.isascii() and token.isprintable() and " " not in token)
    if problem is None:
        assert httpx.Headers({"Authorization": f"Bearer {token}x"})["authorization"] == f"Bearer {token}x"
