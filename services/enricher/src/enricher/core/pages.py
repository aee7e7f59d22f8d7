"""Pages (also Instagram accounts and WhatsApp numbers) and what they may be called with."""

from typing import NamedTuple

from shared.contracts import Platform
from shared.contracts.internal import Owner

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
