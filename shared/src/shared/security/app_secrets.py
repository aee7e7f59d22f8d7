"""App secrets, and what each of them speaks for: platforms, and optionally pages."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from shared.contracts import PLATFORMS, Platform
from shared.settings import check_secret

_SCOPE = re.compile(r"(?P<platforms>[a-z]+(\+[a-z]+)*)(@(?P<pages>[A-Za-z0-9_-][A-Za-z0-9._+-]*))?")
_FORM = "SECRET, facebook=SECRET, facebook+instagram=SECRET or whatsapp@PAGE_ID+PAGE_ID=SECRET"
_ID_CHARACTERS = 16


@dataclass(frozen=True)
class AppSecret:
    """A secret and its scope."""

    secret: SecretStr
    platforms: frozenset[Platform]
    pages: frozenset[str] = frozenset()
    """IDs of the only pages that it speaks for; empty: all that no other entry names."""

    @cached_property
    def key(self) -> bytes:
        """What signatures are made with."""
        return self.secret.get_secret_value().encode()

    @cached_property
    def id(self) -> str:
        """16 hex digits that tell the secret from others and do not reveal it."""
        return hmac.digest(self.key, b"switchboard app secret", sha256).hex()[:_ID_CHARACTERS]


class AppSecrets:
    """Which secret speaks for which page.

    A page that an entry names belongs to the entries that name it. Every other page belongs to the entries of its
    platform that name no page.

    Args:
        secrets: in the order of the setting; the first that fits signs calls to the platform.
    """

    def __init__(self, secrets: Sequence[AppSecret]) -> None:
        self._secrets = tuple(secrets)
        self._named = {(platform, page) for each in secrets for platform in each.platforms for page in each.pages}
        self._by_id: dict[str, list[AppSecret]] = {}
        for each in secrets:
            self._by_id.setdefault(each.id, []).append(each)
        self.is_bound = any(each.pages or len(each.platforms) < len(PLATFORMS) for each in secrets)
        """Whether any secret does not speak for every page; otherwise there is nothing to check."""

    def refusal(self, signed_by: str, platform: Platform, page_id: str) -> str | None:
        """Return why the secret must not speak for the page, as a sentence; None if it may.

        Args:
            signed_by: the `AppSecret.id` that verified a webhook; empty if it was received before webhooks carried one.
            platform: of the page.
            page_id: of an item in the webhook.
        """
        if not self.is_bound or not signed_by:
            return None
        known = self._by_id.get(signed_by)
        if known is None:
            return (
                "It was signed with an app secret that the enricher does not know: give it the same"
                " SWITCHBOARD_APP_SECRETS as ingest, then replay it."
            )
        if any(self._speaks_for(each, platform, page_id) for each in known):
            return None
        return (
            f"It was signed with an app secret that does not speak for page {page_id!r} of {platform}:"
            " see SWITCHBOARD_APP_SECRETS."
        )

    def signing(self, platform: Platform, page_id: str) -> AppSecret:
        """Return the secret that signs calls for the page: the first that speaks for it, or else the first of all."""
        fitting = (each for each in self._secrets if self._speaks_for(each, platform, page_id))
        return next(fitting, self._secrets[0])

    def names(self, platform: Platform, page_id: str) -> bool:
        """Return whether an entry names the page."""
        return (platform, page_id) in self._named

    def _speaks_for(self, secret: AppSecret, platform: Platform, page_id: str) -> bool:
        if platform not in secret.platforms:
            return False
        return page_id in secret.pages if secret.pages else not self.names(platform, page_id)


def parse_app_secrets(entries: Sequence[str]) -> list[AppSecret]:
    """Return the secrets that `entries` describe.

    An entry is a plain secret, which speaks for all platforms, or `platform+platform@page+page=secret`.

    Raises:
        ValueError: an entry is malformed or ambiguous. The text counts entries and repeats no secret.
    """
    parsed: list[AppSecret] = []
    for number, entry in enumerate(entries, start=1):
        try:
            parsed.append(_parse(entry))
        except ValueError as problem:
            raise ValueError(f"entry {number} {problem}") from None
    return parsed


def _parse(entry: str) -> AppSecret:
    scope, equals, secret = entry.partition("=")
    if not equals:
        return AppSecret(check_secret(SecretStr(entry)), frozenset(PLATFORMS))
    found = _SCOPE.fullmatch(scope)
    platforms = found["platforms"].split("+") if found is not None else []
    if found is None or not set(platforms) <= set(PLATFORMS):
        raise ValueError(f"has '=' but no platform before it; write it as {_FORM}")
    pages = [page for page in (found["pages"] or "").split("+") if page]
    if pages and len(platforms) > 1:
        raise ValueError("names pages of more than one platform; write one entry per platform, with the same secret")
    return AppSecret(check_secret(SecretStr(secret)), frozenset(cast("list[Platform]", platforms)), frozenset(pages))


def first_secret(setting: str) -> str:
    """Return the secret of the first entry of `SWITCHBOARD_APP_SECRETS`, for a command that signs with it."""
    return setting.split(",", maxsplit=1)[0].strip().rpartition("=")[2]


def _split(value: Any) -> Any:
    return parse_app_secrets([part.strip() for part in value.split(",")]) if isinstance(value, str) else value


AppSecretList = Annotated[list[AppSecret], NoDecode, BeforeValidator(_split), Field(min_length=1)]
"""Comma-separated in the environment. At least one: an empty variable or entry is an error, never "no check"."""
