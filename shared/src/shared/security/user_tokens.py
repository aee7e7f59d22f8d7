"""JSON Web Tokens of users: two kinds of verifiers, and minting for the first kind.

The algorithm comes from the settings and never from the token's header (RFC 8725, section 3.1).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

import jwt
from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.errors import PermanentError
from shared.security.key_set import KeySet
from shared.settings import ENV_PREFIX, check_secret

MIN_JWT_SECRET_BYTES = 32
"""An HS256 key must be at least as long as its hash (RFC 7518, section 3.2)."""
_RESERVED_CLAIMS = frozenset({"aud", "exp", "iat", "iss", "jti", "name", "nbf"})
USER_ID_PATTERN = r"^[A-Za-z0-9._:@|+=_-]{1,128}$"
"""Valid user ids: safe in paths, in rows, and next to other ids in one query."""
_USER_ID = re.compile(USER_ID_PATTERN)


class InvalidUserToken(PermanentError):
    """The token is forged, expired or incomplete."""


class _WrongSignature(InvalidUserToken):
    """Another key signed it."""


def _long_enough(secret: SecretStr) -> SecretStr:
    return check_secret(secret, min_bytes=MIN_JWT_SECRET_BYTES)


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


_JwtSecret = Annotated[SecretStr, AfterValidator(_long_enough)]


@dataclass(frozen=True)
class UserToken:
    """The claims of a verified token."""

    user_id: str
    expires_at: datetime
    name: str | None = None
    """The name of the person, if the token has one (OpenID Connect Core, section 5.1)."""
    token_id: str | None = None
    """The token's own ID (`jti`), by which it can be revoked."""
    issued_at: datetime | None = None
    """When it was issued (`iat`, UTC); None if the token does not say."""


@dataclass(frozen=True, kw_only=True)
class MintedClaims:
    """The claims of every token that we mint: the same that the verifier requires."""

    user_id_claim: str = "sub"
    issuer: str | None = None
    audience: str | None = None


class UserTokenVerifier(Protocol):
    """Verifies tokens of users."""

    async def verify(self, token: str) -> UserToken:
        """Return the claims of `token`.

        Raises:
            InvalidUserToken: forged, expired or incomplete.
            DependencyUnavailable: the key set could not be fetched.
        """


class UserTokenSettings(BaseSettings):
    """Settings of exactly one kind of verifier: `jwt_secret`, or `jwks_url` with issuer and audience."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    jwt_secret: _JwtSecret | None = None
    """HS256 key, at least 32 bytes. Signs the tokens that we mint."""
    jwt_previous_secrets: Annotated[list[_JwtSecret], NoDecode, BeforeValidator(_split)] = Field(default_factory=list)
    """HS256 keys whose tokens are still accepted during a rotation, comma-separated. They sign nothing."""
    jwks_url: HttpUrl | None = None
    """Where the identity provider publishes its keys."""
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_user_id_claim: str = "sub"
    jwt_algorithms: tuple[str, ...] = ("RS256", "ES256")
    """For `jwks_url` only."""

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> "UserTokenSettings":
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise ValueError("set exactly one of SWITCHBOARD_JWT_SECRET and SWITCHBOARD_JWKS_URL")
        if self.jwt_previous_secrets and self.jwt_secret is None:
            raise ValueError("SWITCHBOARD_JWT_PREVIOUS_SECRETS needs SWITCHBOARD_JWT_SECRET, which signs")
        if self.jwt_user_id_claim in _RESERVED_CLAIMS:
            raise ValueError(f"SWITCHBOARD_JWT_USER_ID_CLAIM is {self.jwt_user_id_claim!r}, which means something else")
        if self.jwks_url and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("SWITCHBOARD_JWKS_URL needs SWITCHBOARD_JWT_ISSUER and SWITCHBOARD_JWT_AUDIENCE")
        if self.jwks_url and any(name.startswith("HS") or name == "none" for name in self.jwt_algorithms):
            raise ValueError("SWITCHBOARD_JWT_ALGORITHMS may name only asymmetric algorithms with a JWKS URL")
        return self

    @property
    def minted_claims(self) -> MintedClaims:
        """What a minted token must carry to be accepted."""
        return MintedClaims(
            user_id_claim=self.jwt_user_id_claim, issuer=self.jwt_issuer or None, audience=self.jwt_audience or None
        )


def mint(
    secret: SecretStr,
    user_id: str,
    *,
    now: datetime,
    ttl: timedelta,
    name: str | None = None,
    token_id: str | None = None,
    claims: MintedClaims = MintedClaims(),
) -> tuple[str, datetime]:
    """Return an HS256 token and when it expires (UTC, in whole seconds because `exp` is).

    `iat` has fractions of a second: a token that is minted right after all older ones were revoked is valid.

    Args:
        secret: the key, at least `MIN_JWT_SECRET_BYTES` long.
        user_id: whose token it is.
        now: the time (UTC).
        ttl: how long the token is valid.
        name: the name of the person, if known.
        token_id: the token's own ID (`jti`).
        claims: which claim names the user, and who issues it for whom.
    """
    expires_at = (now + ttl).replace(microsecond=0)
    optional = {"iss": claims.issuer, "aud": claims.audience, "jti": token_id, "name": name}
    payload = {claims.user_id_claim: user_id, "iat": now.timestamp(), "exp": int(expires_at.timestamp())}
    payload |= {claim: value for claim, value in optional.items() if value is not None}
    return jwt.encode(payload, secret.get_secret_value(), algorithm="HS256"), expires_at


def verifier(settings: UserTokenSettings) -> UserTokenVerifier:
    """Return the verifier that the settings describe."""
    if settings.jwt_secret is not None:
        return _SecretVerifier([settings.jwt_secret, *settings.jwt_previous_secrets], settings)
    return _KeySetVerifier(KeySet(str(settings.jwks_url)), settings)


class _SecretVerifier:
    def __init__(self, secrets: Sequence[SecretStr], settings: UserTokenSettings) -> None:
        self._secrets = [secret.get_secret_value() for secret in secrets]
        self._settings = settings

    async def verify(self, token: str) -> UserToken:
        *previous, last = self._secrets
        for secret in previous:
            with suppress(_WrongSignature):
                return _read(token, secret, ["HS256"], self._settings)
        return _read(token, last, ["HS256"], self._settings)


class _KeySetVerifier:
    def __init__(self, keys: KeySet, settings: UserTokenSettings) -> None:
        self._keys = keys
        self._settings = settings

    async def verify(self, token: str) -> UserToken:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as error:
            raise InvalidUserToken(str(error)) from error
        key = None if kid is None else await self._keys.key(kid)
        if key is None:
            raise InvalidUserToken("no key for this token")
        return _read(token, key, list(self._settings.jwt_algorithms), self._settings)


def _read(token: str, key: Any, algorithms: list[str], settings: UserTokenSettings) -> UserToken:
    claim = settings.jwt_user_id_claim
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            # A clock that is slightly behind must not refuse a fresh token: `iat` forbids nothing (RFC 7519, 4.1.6).
            options={"require": ["exp", claim], "verify_sub": False, "verify_iat": False},
        )
    except jwt.InvalidSignatureError as error:
        raise _WrongSignature(str(error)) from error
    except jwt.PyJWTError as error:
        raise InvalidUserToken(str(error)) from error
    user_id = claims[claim]
    is_id = isinstance(user_id, str | int) and not isinstance(user_id, bool)
    if not (is_id and _USER_ID.fullmatch(str(user_id))):
        raise InvalidUserToken(f"claim {claim!r} is not a valid user id")
    token_id = claims.get("jti")
    return UserToken(
        str(user_id),
        _time_of(claims["exp"], "exp"),
        _name_of(claims.get("name")),
        token_id=token_id if isinstance(token_id, str) else None,
        issued_at=_time_of(claims["iat"], "iat") if "iat" in claims else None,
    )


def _name_of(name: Any) -> str | None:
    """Return a name that is valid Unicode. Half a surrogate pair, as in a name that was cut, becomes U+FFFD."""
    if not isinstance(name, str) or not name:
        return None
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _time_of(seconds: Any, claim: str) -> datetime:
    """Return the NumericDate `seconds` (RFC 7519, section 2) as a time (UTC)."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidUserToken(f"claim {claim!r} is not a number of seconds: {error}") from error
