"""Media files that the platform serves by ID: found in the store, located by the Graph API, streamed as they arrive."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pydantic import SecretStr

from enricher.graph.client import GraphClient
from enricher.graph.errors import CallsOnHold, GraphTimeout, GraphUnavailable, MediaGone, TokenRefused
from enricher.graph.policy import GraphPolicy
from enricher.graph.responses import MediaAddress
from enricher.media.addressing import is_fetched_by_id
from enricher.media.downloads import Downloader, MediaTooLarge
from enricher.media.fair_semaphore import FairSemaphore, NoSlot
from enricher.media.presentation import content_disposition, safe_content_type
from enricher.pages import PageToken, token_of
from shared.contracts.inbox import Attachment
from shared.contracts.internal import Media, MediaRequest, PageKey
from shared.errors import DependencyUnavailable, SwitchboardError
from shared.http.problems import ProblemRaised

_RETRY_AFTER_SECONDS = 2.0
_RECONNECT = "Connect the account again: it has no access token, or the platform refuses it."
_RETRY = "Try again in a moment."
_PROBLEMS: dict[type[SwitchboardError], tuple[str, str]] = {
    TokenRefused: ("account-needs-reauthorization", _RECONNECT),
    MediaGone: ("media-gone", "The platform keeps media for a few weeks only."),
    MediaTooLarge: ("media-too-large", ""),
    GraphTimeout: ("platform-silent", _RETRY),
}
"""Name and detail of the problem by type of error."""


class AttachmentSource(Protocol):
    """Where attachments are stored."""

    async def media(self, query: MediaRequest) -> Media | None:
        """Return an attachment and what is needed to fetch it; None if the user has no such attachment.

        Raises:
            DependencyUnavailable: the source cannot be reached; as `StoreRefused`, not until an operator acts.
        """


@dataclass(frozen=True, slots=True)
class MediaStream:
    """A media file that is being downloaded, and how a browser may treat it."""

    content_type: str
    content_disposition: str
    size: int | None
    """Bytes, if known."""
    chunks: AsyncIterator[bytes]
    """See `enricher.media.downloads.Download`."""


class _StoredMedia(NamedTuple):
    page: PageKey
    attachment: Attachment
    media_id: str
    """ID of the file on the platform."""
    token: PageToken


class MediaService:
    """Opens media files for the users who received them. The number of open files is limited.

    Args:
        attachments: where they are stored.
        policy: makes the calls to the Graph API.
        graph: returns a file's address.
        downloader: downloads from the address.
        semaphore: limits the open files. Without a slot nothing is asked, not even the store.
    """

    def __init__(
        self,
        attachments: AttachmentSource,
        *,
        policy: GraphPolicy,
        graph: GraphClient,
        downloader: Downloader,
        semaphore: FairSemaphore,
    ) -> None:
        self._attachments = attachments
        self._policy = policy
        self._graph = graph
        self._downloader = downloader
        self._semaphore = semaphore

    @asynccontextmanager
    async def open(self, query: MediaRequest) -> AsyncIterator[MediaStream]:
        """Yield the file while the context lasts.

        Raises:
            ProblemRaised: there is no file, for any reason. Its detail is for the user.
        """
        try:
            async with self._semaphore.slot(query.user_id):
                stored = await self._stored(query)
                address, secret = await self._address(stored)
                async with self._downloader.open(address.url, secret) as download:
                    attachment = stored.attachment
                    content_type = safe_content_type(address.mime_type, attachment.mime_type)
                    yield MediaStream(
                        content_type=content_type,
                        content_disposition=content_disposition(content_type, attachment.type, attachment.title),
                        size=download.size,
                        chunks=download.chunks,
                    )
        except SwitchboardError as error:
            raise _problem(error) from error

    async def _stored(self, query: MediaRequest) -> _StoredMedia:
        media = await self._attachments.media(query)
        if media is None:
            raise ProblemRaised("not-found", "You have no such attachment.")
        if not is_fetched_by_id(media):
            raise ProblemRaised("media-elsewhere", "The file is at the attachment's `url`.")
        if media.attachment.media_id is None:
            raise ProblemRaised("not-found", "This attachment has no file.")
        token = None if media.owner is None else token_of(media.owner, media.version)
        if token is None:
            raise ProblemRaised("account-needs-reauthorization", _RECONNECT)
        page = PageKey(platform=media.platform, page_id=media.page_id)
        return _StoredMedia(page, media.attachment, media.attachment.media_id, token)

    async def _address(self, stored: _StoredMedia) -> tuple[MediaAddress, SecretStr]:
        """Return the file's address and the decrypted token, which the download needs as well."""

        async def call(secret: SecretStr) -> tuple[MediaAddress, SecretStr]:
            return await self._graph.media(stored.page, stored.media_id, secret), secret

        return await self._policy.call_now(stored.page, stored.token, call)


def _problem(error: SwitchboardError) -> ProblemRaised:
    if type(error) in _PROBLEMS:
        return ProblemRaised(*_PROBLEMS[type(error)])
    if isinstance(error, CallsOnHold | NoSlot | GraphUnavailable | DependencyUnavailable):
        seconds = error.hold_seconds if isinstance(error, CallsOnHold) else _RETRY_AFTER_SECONDS
        return ProblemRaised("unavailable", _RETRY, headers={"Retry-After": str(math.ceil(seconds))})
    return ProblemRaised("platform-refused")
