"""The one client of the store's `/internal` API."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal, TypeVar

import httpx
import msgspec
import structlog
from pydantic import SecretStr

from shared.contracts import Platform
from shared.contracts.internal import (
    NO_SUCH_CONVERSATION,
    KnownParticipant,
    LogRequest,
    LogResponse,
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
    ReadRequest,
    ReadResponse,
    RevocationsRequest,
    RevocationsResponse,
    TopsRequest,
    TopsResponse,
    UserLogPosition,
)
from shared.errors import DependencyUnavailable
from shared.http.client import CallFailed, HttpResponse, call
from shared.store_client.errors import NoSuchConversation, StoreRefused
from shared.store_client.paths import (
    CLAIM_LOOKUPS_PATH,
    LOG_PATH,
    MAX_PARTICIPANTS,
    MEDIA_PATH,
    PAGE_OWNERS_PATH,
    PARTICIPANTS_PATH,
    READ_PATH,
    REVOCATIONS_PATH,
    TOPS_PATH,
)

log = structlog.get_logger(__name__)

FRAMES_PER_USER = 200
_TEMPORARY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
"""Client errors that end by themselves."""

Outcome = Literal["answered", "unavailable", "refused"]
"""How a call ended. A problem that the caller expects, such as `NO_SUCH_CONVERSATION`, is an answer."""
ResponseT = TypeVar("ResponseT", bound=msgspec.Struct)


class _Problem(msgspec.Struct):
    type: str = ""


_read_problem = msgspec.json.Decoder(_Problem).decode


class StoreClient:
    """Calls the store's `/internal` API.

    Every method may raise `DependencyUnavailable`, where the store did not answer or cannot at the moment, and its
    subclass `StoreRefused`, where it will not until an operator changes something.

    Args:
        http: see `shared.http.client.http_client`; the caller closes it.
        url: of the store's internal port.
        token: the service token.
        timeout_seconds: for a whole call.
        on_call: called once per call with its path (that of page owners with its parameters unfilled) and how it ended.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        token: SecretStr,
        timeout_seconds: float,
        on_call: Callable[[str, Outcome], None] = lambda _path, _outcome: None,
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}", "Content-Type": "application/json"}
        self._timeout_seconds = timeout_seconds
        self._on_call = on_call
        self._refusals: dict[str, str] = {}
        self._outage: str | None = None

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the store as this client sees it, one sentence each, for readiness."""
        outage = [] if self._outage is None else [self._outage]
        return [*outage, *self._refusals.values()]

    async def recheck(self) -> None:
        """Request again, about nobody, what was refused and may not be requested by anybody else for a long time.

        For readiness: afterwards `problems` is current. Raises what other methods do. Due lookups are left out,
        because a claim is never harmless; their worker claims again by itself.
        """
        harmless: dict[str, Callable[[], Awaitable[object]]] = {
            PAGE_OWNERS_PATH: lambda: self.page_owners("whatsapp", "0"),
            PARTICIPANTS_PATH: lambda: self._call(
                PARTICIPANTS_PATH, ParticipantsResponse, ParticipantsRequest(participants=())
            ),
            LOG_PATH: lambda: self.log({}),
            TOPS_PATH: lambda: self.tops(()),
            MEDIA_PATH: lambda: self.media(MediaRequest(user_id="", conversation_id="", id=0, index=0)),
            READ_PATH: self._recheck_read_marks,
            REVOCATIONS_PATH: lambda: self.revocations(""),
        }
        for path in [path for path in self._refusals if path in harmless]:
            await harmless[path]()

    async def _recheck_read_marks(self) -> None:
        with suppress(NoSuchConversation):  # which is an answer
            await self.mark_read(ReadRequest(user_id="", conversation_id="", up_to_seq=0))

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        """Return who owns and owned a page; a page that the store does not know has version 0 and no owners.

        Args:
            platform: of the page.
            page_id: of letters, digits and `._-`, as every page id.
        """
        url = self._url + PAGE_OWNERS_PATH.format(platform=platform, page_id=page_id)
        return await self._call(PAGE_OWNERS_PATH, PageOwners, url=url)

    async def participants(self, keys: Sequence[ParticipantKey]) -> list[KnownParticipant]:
        """Return those of `keys` whose profile the store knows. Any number of keys; one call per 500."""
        known: list[KnownParticipant] = []
        for start in range(0, len(keys), MAX_PARTICIPANTS):
            query = ParticipantsRequest(participants=tuple(keys[start : start + MAX_PARTICIPANTS]))
            known += (await self._call(PARTICIPANTS_PATH, ParticipantsResponse, query)).participants
        return known

    async def claim_lookups(
        self, limit: int, *, lease_seconds: float, except_pages: Sequence[PageKey] = ()
    ) -> Sequence[Lookup]:
        """Return due profile lookups, which nobody else gets for `lease_seconds`.

        Args:
            limit: 1 to 500.
            lease_seconds: more than 0, at most 3,600.
            except_pages: at most 1,000 pages whose lookups stay where they are.
        """
        claim = LookupsClaim(limit=limit, lease_seconds=lease_seconds, except_pages=tuple(except_pages))
        return (await self._call(CLAIM_LOOKUPS_PATH, LookupsResponse, claim)).lookups

    async def media(self, query: MediaRequest) -> Media | None:
        """Return an attachment and what it is fetched with; None where the user has no such attachment."""
        return (await self._call(MEDIA_PATH, MediaResponse, query)).media

    async def log(self, positions: Mapping[str, int], *, limit: int = FRAMES_PER_USER) -> LogResponse:
        """Return what follows each user's position in the log, in the order asked.

        Args:
            positions: `seq` by user id; at most 500 users.
            limit: frames per user, 1 to 1,000; the store may return fewer.
        """
        asked = tuple(UserLogPosition(user_id=user_id, after=after) for user_id, after in positions.items())
        return await self._call(
            LOG_PATH,
            LogResponse,
            LogRequest(positions=asked, limit=limit),
            is_meant=lambda answer: [user.user_id for user in answer.users] == list(positions),
        )

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        """Return the last `seq` of each user's log, 0 for unknown users. At most 10,000 users."""
        return await self._call(
            TOPS_PATH,
            TopsResponse,
            TopsRequest(user_ids=tuple(user_ids)),
            is_meant=lambda answer: answer.tops.keys() >= set(user_ids),
        )

    async def revocations(self, known_version: str) -> RevocationsResponse:
        """Return which users' tokens are revoked, unless the caller has that `known_version` already."""
        return await self._call(REVOCATIONS_PATH, RevocationsResponse, RevocationsRequest(known_version=known_version))

    async def mark_read(self, query: ReadRequest) -> ReadResponse:
        """Mark a user's conversation as read; never moves the mark back.

        Raises:
            NoSuchConversation: the user has none of this id.
        """
        return await self._call(READ_PATH, ReadResponse, query, expected={NO_SUCH_CONVERSATION: NoSuchConversation})

    async def _call(
        self,
        path: str,
        response_type: type[ResponseT],
        query: msgspec.Struct | None = None,
        *,
        url: str | None = None,
        is_meant: Callable[[ResponseT], bool] = lambda _: True,
        expected: Mapping[str, type[Exception]] = MappingProxyType({}),
    ) -> ResponseT:
        """Return the store's answer.

        Args:
            path: of the endpoint.
            response_type: of the answer.
            query: the body of a POST; None makes a GET.
            url: where it is not that of `path`.
            is_meant: whether an answer can be the one to this query.
            expected: errors by the `type` of the problem details that are answers too, as any client may cause them.
        """
        response = await self._response(path, url or self._url + path, query)
        if response.status != HTTPStatus.OK:
            if (error := expected.get(_problem_type(response))) is not None:
                self._answered(path)
                raise error(_problem_type(response))
            raise self._refused(path, StoreRefused.by_status(path, response.status))
        try:
            answer = msgspec.json.decode(response.body, type=response_type)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._refused(path, StoreRefused.not_understood(path, str(error))) from error
        if not is_meant(answer):
            raise self._refused(path, StoreRefused.not_understood(path, "it is not about what was asked for"))
        self._answered(path)
        return answer

    async def _response(self, path: str, url: str, query: msgspec.Struct | None) -> HttpResponse:
        """Return a response of the store; one that will be different a moment later is an outage."""
        try:
            response = await call(
                self._http,
                "GET" if query is None else "POST",
                url,
                total_seconds=self._timeout_seconds,
                max_bytes=None,  # the store bounds its answers itself
                headers=self._headers,
                content=None if query is None else msgspec.json.encode(query),
            )
        except CallFailed as error:
            raise self._unavailable(path, str(error)) from error
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in _TEMPORARY:
            raise self._unavailable(path, f"HTTP {response.status}")
        self._outage = None
        return response

    def _answered(self, path: str) -> None:
        self._refusals.pop(path, None)
        self._on_call(path, "answered")

    def _unavailable(self, path: str, reason: str) -> DependencyUnavailable:
        self._outage = f"The store does not answer: {reason}."
        self._on_call(path, "unavailable")
        return DependencyUnavailable(f"the store does not answer {path}: {reason}")

    def _refused(self, path: str, error: StoreRefused) -> StoreRefused:
        remedy = str(error)
        if self._refusals.get(path) != remedy:  # said once: callers retry for as long as it takes
            log.error("store refused a request", remedy=remedy)
        self._refusals[path] = remedy
        self._on_call(path, "refused")
        return error


def _problem_type(response: HttpResponse) -> str:
    try:
        return _read_problem(response.body).type
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
