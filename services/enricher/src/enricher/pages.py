"""Pages (also Instagram accounts and WhatsApp numbers) and what they may be called with."""

from datetime import datetime
from typing import NamedTuple

from shared.contracts import Platform
from shared.contracts.internal import Owner, PageOwners

Page = tuple[Platform, str]
"""Platform and page id."""


class PageToken(NamedTuple):
    """What a page may be called with."""

    ciphertext: str
    version: int
    """Of the page's account: a greater one may have another token."""


def token_of(owner: Owner, version: int) -> PageToken | None:
    """Return what calls for the page are made with; None while it has to be connected again, or has no token."""
    if owner.token_ciphertext is None or owner.status != "connected":
        return None
    return PageToken(owner.token_ciphertext, version)


def owner_at(page: PageOwners, at: datetime) -> Owner | None:
    """Return who owned the page when ingest received a webhook: for a released one too, whoever has connected it since.

    The store lets an ownership begin where the one before it ended, so that what came in between belongs to somebody.
    """
    for owner in page.owners:
        if owner.owned_from <= at and (owner.owned_until is None or at < owner.owned_until):
            return owner
    return None
