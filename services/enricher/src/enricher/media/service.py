"""Media that the platform hands out by id: found in the store, asked for at the Graph API, passed on as they come."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from enricher.errors import (
    CallsOnHold,
    GraphTimeout,
    GraphUnavailable,
    MediaGone,
    MediaTooLarge,
    StoreRefuses,
    TokenRefused,
)
from enricher.graph.client import GraphClient
from enricher.graph.policy import GraphPolicy
from enricher.graph.responses import MediaAddress
from enricher.media.addressing import disposition, is_fetched_by_id, shown_type
from enricher.media.downloads import Downloader
from enricher.media.fair_semaphore import FairSemaphore
from enricher.pages import Page, PageToken, token_of
from shared.contracts.internal import Media, MediaRequest
from shared.errors import DependencyUnavailable, SwitchboardError
from shared.http.problems import ProblemRaised

_RETRY_AFTER_SECONDS = 2.0
_REAUTHORIZE = "Connect the account again: the platform does not take its access token, or it has none."
_LATER = "Try again in a moment."
_PROBLEMS: dict[type[SwitchboardError], tuple[str, str]] = {
    TokenRefused: ("account-needs-reauthorization", _REAUTHORIZE),
    MediaGone: ("media-gone", "The platform keeps media for some weeks only."),
    MediaTooLarge: ("media-too-large", ""),
    GraphTimeout: ("platform-silent", _LATER),
    StoreRefuses: ("internal-error", ""),
}


class Attachments(Protocol):
    """Where attachments are known."""

    async def media(self, query: MediaRequest) -> Media | None:
        """Return an attachment with what fetches it; None when the user has no such one.

        Raises:
            StoreRefuses, DependencyUnavailable: it takes the question for wrong, or cannot be asked at the moment.
        """


@dataclass(frozen=True, slots=True)
class MediaStream:
    """A medium that is being passed on, as what a browser may take it for."""

    content_type: str
    disposition: str
    size: int | None
    pieces: AsyncIterator[bytes]
    """As `enricher.downloads.Download` has them."""


class MediaService:
    """Hands media out to the users whose messages they are in, a bounded number at a time.

    Args:
        attachments: the source.
        gate: asks the Graph API.
        graph: how an address is asked for.
        downloads: fetch from it.
        turns: who has none asks for nothing, not even the store.
    """

    def __init__(
        self,
        attachments: Attachments,
        *,
        gate: GraphPolicy,
        graph: GraphClient,
        downloads: Downloader,
        turns: FairSemaphore,
    ) -> None:
        self._attachments = attachments
        self._gate = gate
        self._graph = graph
        self._downloads = downloads
        self._turns = turns

    @asynccontextmanager
    async def opened(self, query: MediaRequest) -> AsyncIterator[MediaStream]:
        """Yield the medium while the context lasts.

        Raises:
            ProblemRaised: there is none, for whatever reason; the text is for the person who asked.
        """
        try:
            async with self._turns.taken(query.user_id):
                media, media_id, token = await self._found(query)
                address, secret = await self._address((media.platform, media.page_id), media_id, token)
                async with self._downloads.opened(address.url, secret) as download:
                    attached, content_type = media.attachment, shown_type(address.mime_type, media.attachment.mime_type)
                    yield MediaStream(
                        content_type=content_type,
                        disposition=disposition(content_type, attached.type, attached.title),
                        size=download.size,
                        pieces=download.pieces,
                    )
        except SwitchboardError as error:
            raise _problem(error) from error

    async def _found(self, query: MediaRequest) -> tuple[Media, str, PageToken]:
        """Return the attachment, the id that the platform knows it by, and what it is asked for with."""
        media = await self._attachments.media(query)
        if media is None:
            raise ProblemRaised("not-found", "You have no such attachment.")
        if not is_fetched_by_id(media):
            raise ProblemRaised("media-elsewhere", "What there is of it is at the attachment's `url`.")
        if media.attachment.media_id is None:
            raise ProblemRaised("not-found", "There is nothing to be fetched of this attachment.")
        token = None if media.owner is None else token_of(media.owner, media.version)
        if token is None:
            raise ProblemRaised("account-needs-reauthorization", _REAUTHORIZE)
        return media, media.attachment.media_id, token

    async def _address(self, page: Page, media_id: str, token: PageToken) -> tuple[MediaAddress, SecretStr]:
        """Return where it is handed out, and the opened token, which that place wants too."""

        async def ask(secret: SecretStr) -> tuple[MediaAddress, SecretStr]:
            return await self._graph.media(page, media_id, secret), secret

        return await self._gate.ask_at_once(page, token, ask)


def _problem(error: SwitchboardError) -> ProblemRaised:
    """Return what an error means to the person who asked."""
    if type(error) in _PROBLEMS:
        return ProblemRaised(*_PROBLEMS[type(error)])
    if isinstance(error, CallsOnHold | GraphUnavailable | DependencyUnavailable):
        seconds = error.hold_seconds if isinstance(error, CallsOnHold) else _RETRY_AFTER_SECONDS
        return ProblemRaised("unavailable", _LATER, headers={"Retry-After": str(math.ceil(seconds))})
    return ProblemRaised("platform-refused")
