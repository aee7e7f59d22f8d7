"""The store's internal API, as far as the enricher asks it."""

from collections.abc import Sequence
from typing import TypeVar

import httpx
import msgspec
import structlog
from pydantic import SecretStr

from enricher.errors import StoreRefuses
from enricher.profiles.lookups import ProfileKey
from shared.contracts import Platform, Profile
from shared.contracts.internal import (
    Lookup,
    LookupsClaim,
    LookupsResponse,
    Media,
    MediaRequest,
    MediaResponse,
    PageKey,
    PageOwners,
    ParticipantKey,
    ParticipantsRequest,
    ParticipantsResponse,
)
from shared.errors import DependencyUnavailable
from shared.http.client import CallFailed, HttpResponse, call

log = structlog.get_logger(__name__)

MAX_PARTICIPANTS = 500
"""Keys in one query."""
_OK = 200
_WRONG_QUESTION = (400, 413, 422)
T = TypeVar("T")


class StoreClient:
    """Asks the store.

    Args:
        http: closed by whoever opened it.
        url: of the store's internal port, without a path.
        token: the service token.
        timeout_seconds: for a whole call.
    """

    def __init__(self, http: httpx.AsyncClient, *, url: str, token: SecretStr, timeout_seconds: float) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self.problem: str | None = None
        """What was wrong with the last call, as a sentence; None when it worked."""

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        """Return who owns and owned a page; see `enricher.accounts.OwnerSource`."""
        return await self._ask("GET", f"/internal/accounts/{platform}/{page_id}", None, PageOwners)

    async def last_known(self, wanted: Sequence[ProfileKey]) -> dict[ProfileKey, Profile]:
        """Return the profiles that the store has; see `enricher.profiles.directory.StoredProfiles`."""
        found: dict[tuple[str, str, str], Profile] = {}
        keys = list(dict.fromkeys((one.user_id, one.platform, one.participant_id) for one in wanted))
        for start in range(0, len(keys), MAX_PARTICIPANTS):
            query = ParticipantsRequest(
                participants=tuple(
                    ParticipantKey(user_id=user_id, platform=platform, participant_id=participant_id)
                    for user_id, platform, participant_id in keys[start : start + MAX_PARTICIPANTS]
                )
            )
            answer = await self._ask("POST", "/internal/participants", query, ParticipantsResponse)
            found |= {(one.user_id, one.platform, one.participant_id): one.profile for one in answer.participants}
        profiles = ((one, found.get((one.user_id, one.platform, one.participant_id))) for one in wanted)
        return {one: profile for one, profile in profiles if profile is not None}

    async def claim_lookups(
        self, limit: int, *, lease_seconds: float, except_pages: Sequence[PageKey]
    ) -> Sequence[Lookup]:
        """Return due look-ups, nobody else's for `lease_seconds`; see `enricher.profiles.lookup_worker.LookupQueue`."""
        claim = LookupsClaim(
            limit=limit,
            lease_seconds=lease_seconds,
            except_pages=tuple(except_pages),
        )
        return (await self._ask("POST", "/internal/profile-lookups/claim", claim, LookupsResponse)).lookups

    async def media(self, query: MediaRequest) -> Media | None:
        """Return an attachment with what fetches it; None when the user has no such one.

        Raises:
            StoreRefuses, DependencyUnavailable: the store takes the question for wrong, or cannot be asked.
        """
        return (await self._ask("POST", "/internal/media", query, MediaResponse)).media

    async def _ask(self, method: str, path: str, body: msgspec.Struct | None, kind: type[T]) -> T:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}", "Content-Type": "application/json"}
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await call(
                self._http,
                method,
                self._url + path,
                total_seconds=self._timeout_seconds,
                headers=headers,
                content=content,
            )
            found = _read(answer, kind)
        except CallFailed as error:
            self.problem = f"The store does not answer: {error}."
            raise DependencyUnavailable(self.problem) from error
        except StoreRefuses as error:
            self.problem = f"The store takes a question for wrong: {error}."
            log.exception("the store takes a question for wrong: this is a bug", answer=kind.__name__)
            raise
        self.problem = None
        return found


def _read(answer: HttpResponse, kind: type[T]) -> T:
    if answer.status in _WRONG_QUESTION:
        raise StoreRefuses(f"HTTP {answer.status}")
    if answer.status != _OK:
        raise CallFailed(f"HTTP {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except ValueError as error:
        raise CallFailed("an answer that this version does not understand") from error
