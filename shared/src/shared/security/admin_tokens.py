"""Named admin tokens: who an administrator is, and what the token allows."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

PLAIN_NAME = "admin"
"""The name of every token that is given without one."""
ALL_SCOPES = "*"
MIN_TOKEN_CHARACTERS = 20
"""A shorter one can be guessed. `make env` writes 48."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What an `Authorization` header can carry (RFC 6750, section 2.1)."""
_FORM = "name:scope+scope:token"


class AdminScope(StrEnum):
    """What an admin token may allow. docs/operations.md lists them."""

    ACCOUNTS = "accounts"
    TOKENS_MINT = "tokens:mint"
    TOKENS_REVOKE = "tokens:revoke"
    PARKED_READ = "parked:read"
    PARKED_WRITE = "parked:write"
    LEDGER = "ledger"
    PEOPLE_ERASE = "people:erase"
    PEOPLE_EXPORT = "people:export"
    AUDIT_READ = "audit:read"
    KEYS_ROTATE = "keys:rotate"


@dataclass(frozen=True)
class AdminToken:
    """A token, whose it is, and what it allows."""

    name: str
    scopes: frozenset[AdminScope]
    token: SecretStr


def parse_admin_tokens(entries: Sequence[str]) -> list[AdminToken]:
    """Return the tokens that `entries` describe.

    An entry is a plain token, which is named `admin` and allows everything, or `name:scope+scope:token`, where `*`
    stands for every scope. The name ends at the first colon and the token starts after the last one.

    Raises:
        ValueError: an entry is malformed. The text counts entries and repeats no part of one that may be a secret.
    """
    parsed: list[AdminToken] = []
    for number, entry in enumerate(entries, start=1):
        try:
            parsed.append(_parse(entry))
        except ValueError as problem:
            raise ValueError(f"entry {number} {problem}") from None
    names = [each.name for each in parsed if each.name != PLAIN_NAME]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the name {repeated[0]!r} is given twice; name the new token of a rotation differently")
    if len({each.token.get_secret_value() for each in parsed}) < len(parsed):
        raise ValueError("the same token is given twice, so nobody could tell who uses it")
    return parsed


def _parse(entry: str) -> AdminToken:
    name, colon, rest = entry.partition(":")
    if not colon:
        return AdminToken(PLAIN_NAME, frozenset(AdminScope), _token(entry))
    scopes, colon, token = rest.rpartition(":")
    if not colon:
        raise ValueError(f"has one colon; write it as {_FORM}, or as a token without colons")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"has no valid name: write it as {_FORM}, the name in lower case")
    if name == PLAIN_NAME:
        raise ValueError(f"is named {PLAIN_NAME!r}, as every token without a name is; choose another name")
    return AdminToken(name, _scopes(scopes), _token(token))


def _scopes(text: str) -> frozenset[AdminScope]:
    if text == ALL_SCOPES:
        return frozenset(AdminScope)
    try:
        return frozenset(AdminScope(scope) for scope in text.split("+"))
    except ValueError:
        raise ValueError(f"has an unknown scope; the scopes are {', '.join(AdminScope)}, or *") from None


def _token(text: str) -> SecretStr:
    if len(text) < MIN_TOKEN_CHARACTERS:
        raise ValueError(f"has a token of fewer than {MIN_TOKEN_CHARACTERS} characters")
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("has a token with characters that no Authorization header can carry")
    return SecretStr(text)


def first_token(setting: str) -> str:
    """Return the token of the first entry of `SWITCHBOARD_ADMIN_TOKENS`, for a command that uses the API with it."""
    return setting.split(",", maxsplit=1)[0].strip().rpartition(":")[2]


def identify(given: str | None, accepted: Sequence[AdminToken]) -> AdminToken | None:
    """Return which of `accepted` the token is, or None. Every one is compared in constant time."""
    presented = (given or "").encode("utf-8", "surrogatepass")
    found = None
    for each in accepted:
        if hmac.compare_digest(presented, each.token.get_secret_value().encode()):
            found = each
    return found


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return parse_admin_tokens([part.strip() for part in value.split(",") if part.strip()])


AdminTokens = Annotated[list[AdminToken], NoDecode, BeforeValidator(_split), Field(min_length=1)]
"""Comma-separated in the environment. At least one: an empty variable is an error and never means "no check"."""
