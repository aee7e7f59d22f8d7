"""Who may call which path of the store's `/internal` API: the table, and the tokens that name a caller."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from shared.security.bearer import bearer_problem
from shared.settings import check_secret
from shared.store_client import paths

MIN_TOKEN_CHARACTERS = 20
"""Of a named token; a shorter one can be guessed. `make env` writes 48."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What an `Authorization` header can carry (RFC 6750, section 2.1)."""


class Caller(StrEnum):
    """A service that calls the store."""

    ENRICHER = "enricher"
    PUSH_GATEWAY = "push-gateway"


PATHS: Mapping[Caller, frozenset[str]] = MappingProxyType(
    {
        # Page access tokens (as ciphertext) are in the answers to the first and the last.
        Caller.ENRICHER: frozenset(
            {paths.PAGE_OWNERS_PATH, paths.PARTICIPANTS_PATH, paths.CLAIM_LOOKUPS_PATH, paths.MEDIA_PATH}
            | {paths.REVOCATIONS_PATH}
        ),
        Caller.PUSH_GATEWAY: frozenset({paths.LOG_PATH, paths.TOPS_PATH, paths.READ_PATH, paths.REVOCATIONS_PATH}),
    }
)
"""What each caller needs, and therefore all that its token opens."""


@dataclass(frozen=True)
class ServiceToken:
    """A token and whose it is; without a caller it opens every path."""

    caller: Caller | None
    token: SecretStr

    def may_call(self, path: str) -> bool:
        """Return whether the token opens `path`, one of `shared.store_client.paths`."""
        return self.caller is None or path in PATHS[self.caller]


def parse_service_tokens(entries: Sequence[str]) -> list[ServiceToken]:
    """Return the tokens that `entries` describe: `caller:token`, or a plain token, which opens every path.

    A caller may have several tokens while one is rotated.

    Raises:
        ValueError: an entry is malformed. The text counts entries and repeats no part of one that may be a secret.
    """
    parsed = [_parse(entry, number) for number, entry in enumerate(entries, start=1)]
    if len({each.token.get_secret_value() for each in parsed}) < len(parsed):
        raise ValueError("the same token is given twice, so nobody could tell who uses it")
    return parsed


def _parse(entry: str, number: int) -> ServiceToken:
    name, colon, token = entry.partition(":")
    if not colon:
        if (problem := bearer_problem(entry)) is not None:
            raise ValueError(f"entry {number} {problem}")
        return ServiceToken(None, check_secret(SecretStr(entry)))
    if name not in list(Caller):
        raise ValueError(f"entry {number} names no caller: write {' or '.join(f'{one}:TOKEN' for one in Caller)}")
    if len(token) < MIN_TOKEN_CHARACTERS or _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"entry {number} has no usable token after the name: "
            f"at least {MIN_TOKEN_CHARACTERS} letters, digits and ._~+/-"
        )
    return ServiceToken(Caller(name), SecretStr(token))


def identify(given: str | None, accepted: Sequence[ServiceToken]) -> ServiceToken | None:
    """Return which of `accepted` the token is, or None. Every one is compared in constant time."""
    presented = (given or "").encode("utf-8", "surrogatepass")
    found = None
    for each in accepted:
        if hmac.compare_digest(presented, each.token.get_secret_value().encode()) and presented:
            found = each
    return found


def tokens_of(caller: Caller) -> Callable[[list[ServiceToken]], list[ServiceToken]]:
    """Return a validator of a caller's own setting, which keeps its own tokens and plain ones; the first is used."""

    def keep(tokens: list[ServiceToken]) -> list[ServiceToken]:
        if usable := [each for each in tokens if each.caller in (None, caller)]:
            return usable
        raise ValueError(f"no token is that of {caller}: write {caller}:TOKEN")

    return keep


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return parse_service_tokens([part.strip() for part in value.split(",") if part.strip()])


ServiceTokens = Annotated[list[ServiceToken], NoDecode, BeforeValidator(_split), Field(min_length=1)]
"""Comma-separated in the environment. At least one: an empty variable is an error and never means "no check"."""
