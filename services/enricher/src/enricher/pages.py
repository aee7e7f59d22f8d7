"""Who owns a page, and the token that calls for it use. A page is also an Instagram account or a WhatsApp number."""

from datetime import datetime
from typing import NamedTuple

from shared.contracts.internal import Owner, PageOwners


class PageToken(NamedTuple):
    """The access token of a page."""

    ciphertext: str
    version: int
    """Version of the page's account. A later version may have another token."""


def token_of(owner: Owner, version: int) -> PageToken | None:
    """Return the page's token, or None if the page has none or must be connected again."""
    if owner.token_ciphertext is None or owner.status != "connected":
        return None
    return PageToken(owner.token_ciphertext, version)


def owner_at(page: PageOwners, at: datetime) -> Owner | None:
    """Return who owned the page at `at`, the time when ingest received a webhook.

    This also holds for released webhooks. The store lets an ownership begin where the previous one ended, so that what
    arrived in between belongs to whoever connects the page next.
    """
    for owner in page.owners:
        if owner.owned_from <= at and (owner.owned_until is None or at < owner.owned_until):
            return owner
    return None
