"""The store's internal API in memory. tests/contract/test_store_internal.py holds it to what the real one does."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal, TypeVar, get_args

import msgspec
from cryptography.fernet import Fernet
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.contracts import InboxPersistedV1, Platform, derive_id
from shared.contracts.internal import (
    KnownParticipant,
    LogFrame,
    LogRequest,
    LogResponse,
    Lookup,
    LookupsClaim,
    LookupsResponse,
    Media,
    MediaRequest,
    MediaResponse,
    Owner,
    PageOwners,
    ParticipantsRequest,
    ParticipantsResponse,
    ReadRequest,
    ReadResponse,
    RevocationsRequest,
    RevocationsResponse,
    RevokedTokens,
    TopsRequest,
    TopsResponse,
    UserLog,
    UserLogPosition,
)
from shared.http.problems import ProblemCatalog, ProblemRaised, ProblemType
from shared.http.server import serving
from shared.security.cipher import TokenCipher
from shared.store_client import paths
from tests.builders import inbox_persisted

SERVICE_TOKEN = "service-token-of-the-tests"
ENCRYPTION_KEY = Fernet.generate_key().decode()
PAGE_TOKEN = "EAAB-page-token"
UNKNOWN_CONVERSATION = "unknown"
"""The only conversation that no user has."""

_PROBLEMS = ProblemCatalog(
    {
        "bad-request": ProblemType(400, "The request cannot be understood."),
        "unauthorized": ProblemType(401, "A valid bearer token is needed."),
        "not-found": ProblemType(404, "There is no such thing."),
        "no-such-conversation": ProblemType(404, "There is no such conversation."),
        "invalid-request": ProblemType(422, "Something in the request is invalid."),
        "internal-error": ProblemType(500, "Something went wrong here."),
        "unavailable": ProblemType(503, "The store is unavailable."),
    }
)
RequestT = TypeVar("RequestT", bound=msgspec.Struct)


class FakeStore:
    """Responds from what a test puts in here; can refuse, be slow or be unavailable."""

    def __init__(self) -> None:
        self.url = ""
        self.epoch = "e1"
        self.owners: dict[str, list[Owner]] = {}
        """By page id, whatever the platform."""
        self.versions: dict[str, int] = {}
        self.known: list[KnownParticipant] = []
        self.due: list[Lookup] = []
        self.media: dict[tuple[str, str, int, int], Media] = {}
        """By user, conversation, message and index."""
        self.logs: dict[str, list[LogFrame]] = defaultdict(list)
        self.floors: dict[str, int] = defaultdict(int)
        self.read_marks: dict[tuple[str, str], int] = defaultdict(int)

        self.revoked: list[RevokedTokens] = []

        self.service_token = SERVICE_TOKEN
        self.is_unavailable = False
        self.statuses: dict[str, int] = {}
        """By path: the status of every response."""
        self.may_respond = asyncio.Event()
        """Until it is set, requests wait."""
        self.may_respond.set()
        self.gates: dict[str, asyncio.Event] = {}
        """The same for one path."""

        self.paths: list[str] = []
        """Of all requests."""
        self.log_requests: list[LogRequest] = []
        self.tops_requests: list[TopsRequest] = []
        self.read_requests: list[ReadRequest] = []
        """Those that were accepted."""

    def connect(
        self,
        page_id: str,
        user_id: str = "user-1",
        *,
        token: str | None = PAGE_TOKEN,
        status: Literal["connected", "needs_reauthorization"] = "connected",
        key: str = ENCRYPTION_KEY,
    ) -> None:
        """Give the page to the user, who has always owned it."""
        owner = Owner(
            user_id=user_id,
            owned_from=datetime(1970, 1, 1, tzinfo=UTC),
            owned_until=None,
            status=status,
            token_ciphertext=None if token is None else TokenCipher([SecretStr(key)]).encrypt(token),
        )
        self.owners[page_id] = [owner]
        self.versions[page_id] = self.versions.get(page_id, 0) + 1

    def append(self, user_id: str, text: str = "") -> InboxPersistedV1:
        """Commit a change; return the event that the real store would publish."""
        seq = len(self.logs[user_id]) + 1
        data = msgspec.Raw(msgspec.json.encode({"n": seq, "text": text}))
        self.logs[user_id].append(LogFrame(seq=seq, kind="new_message", data=data))
        return inbox_persisted(id=derive_id(user_id, str(seq)), user_id=user_id, seq=seq, kind="new_message", data=data)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(paths.PAGE_OWNERS_PATH, self._page_owners),
                self._route(paths.PARTICIPANTS_PATH, ParticipantsRequest, self._participants),
                self._route(paths.CLAIM_LOOKUPS_PATH, LookupsClaim, self._claim_lookups),
                self._route(paths.MEDIA_PATH, MediaRequest, self._media),
                self._route(paths.LOG_PATH, LogRequest, self._log, recorded=self.log_requests),
                self._route(paths.TOPS_PATH, TopsRequest, self._tops, recorded=self.tops_requests),
                self._route(paths.READ_PATH, ReadRequest, self._mark_read),
                self._route(paths.REVOCATIONS_PATH, RevocationsRequest, self._revocations),
            ],
            exception_handlers=_PROBLEMS.exception_handlers,
        )

    def _route(
        self,
        path: str,
        request_type: type[RequestT],
        respond: Callable[[RequestT], msgspec.Struct],
        *,
        recorded: list[RequestT] | None = None,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            self._authenticate(request)
            try:
                body = msgspec.json.decode(await request.body(), type=request_type)
            except msgspec.MsgspecError as error:
                raise ProblemRaised("invalid-request", str(error)) from error
            if recorded is not None:
                recorded.append(body)
            return await self._response(path, lambda: respond(body))

        return Route(path, endpoint, methods=["POST"])

    def _authenticate(self, request: Request) -> None:
        self.paths.append(request.url.path)
        if request.headers.get("authorization") != f"Bearer {self.service_token}":
            raise ProblemRaised("unauthorized")

    async def _response(self, path: str, respond: Callable[[], msgspec.Struct]) -> Response:
        await self.may_respond.wait()
        if path in self.gates:
            await self.gates[path].wait()
        if path in self.statuses:
            return Response(status_code=self.statuses[path])
        if self.is_unavailable:
            raise ProblemRaised("unavailable")
        return Response(msgspec.json.encode(respond()), media_type="application/json")

    async def _page_owners(self, request: Request) -> Response:
        self._authenticate(request)
        platform, page_id = request.path_params["platform"], request.path_params["page_id"]
        if platform not in get_args(Platform):
            raise ProblemRaised("not-found")
        owners, version = tuple(self.owners.get(page_id, ())), self.versions.get(page_id, 0)
        found = PageOwners(platform=platform, page_id=page_id, version=version, owners=owners)
        return await self._response(paths.PAGE_OWNERS_PATH, lambda: found)

    def _participants(self, request: ParticipantsRequest) -> ParticipantsResponse:
        _require(len(request.participants) <= paths.MAX_PARTICIPANTS)
        wanted = {(key.user_id, key.platform, key.participant_id) for key in request.participants}
        found = [one for one in self.known if (one.user_id, one.platform, one.participant_id) in wanted]
        return ParticipantsResponse(participants=tuple(found))

    def _claim_lookups(self, claim: LookupsClaim) -> LookupsResponse:
        _require(1 <= claim.limit <= paths.MAX_LOOKUPS and 0 < claim.lease_seconds <= paths.MAX_LEASE_SECONDS)
        _require(len(claim.except_pages) <= paths.MAX_EXCEPT_PAGES)
        excepted = {(page.platform, page.page_id) for page in claim.except_pages}
        claimed = [one for one in self.due if (one.platform, one.page_id) not in excepted][: claim.limit]
        self.due = [one for one in self.due if one not in claimed]
        return LookupsResponse(lookups=tuple(claimed))

    def _revocations(self, request: RevocationsRequest) -> RevocationsResponse:
        version = f"v{len(self.revoked)}"
        revoked = None if request.known_version == version else tuple(self.revoked)
        return RevocationsResponse(version=version, revoked=revoked)

    def _media(self, request: MediaRequest) -> MediaResponse:
        key = (request.user_id, request.conversation_id, request.id, request.index)
        return MediaResponse(media=self.media.get(key))

    def _log(self, request: LogRequest) -> LogResponse:
        _require(len(request.positions) <= paths.MAX_POSITIONS and 1 <= request.limit <= paths.MAX_FRAMES)
        users = tuple(self._user_log(position, request.limit) for position in request.positions)
        return LogResponse(epoch=self.epoch, users=users)

    def _user_log(self, position: UserLogPosition, limit: int) -> UserLog:
        log, floor = self.logs[position.user_id], self.floors[position.user_id]
        frames = log[position.after :][:limit] if position.after >= floor else []
        return UserLog(user_id=position.user_id, seq=len(log), floor_seq=floor, frames=tuple(frames))

    def _tops(self, request: TopsRequest) -> TopsResponse:
        _require(len(request.user_ids) <= paths.MAX_TOPS)
        return TopsResponse(epoch=self.epoch, tops={user_id: len(self.logs[user_id]) for user_id in request.user_ids})

    def _mark_read(self, request: ReadRequest) -> ReadResponse:
        _require(0 <= request.up_to_seq < 2**63)
        if request.conversation_id == UNKNOWN_CONVERSATION:
            raise ProblemRaised("no-such-conversation")
        self.read_requests.append(request)
        key = (request.user_id, request.conversation_id)
        reached = min(request.up_to_seq, len(self.logs[request.user_id]))
        self.read_marks[key] = max(self.read_marks[key], reached)
        return ReadResponse(seq=self.read_marks[key])


def _require(condition: bool) -> None:  # noqa: FBT001 - reads like an assertion
    if not condition:
        raise ProblemRaised("invalid-request")


@asynccontextmanager
async def fake_store() -> AsyncIterator[FakeStore]:
    """Serve a store; its `url` says where."""
    store = FakeStore()
    async with serving(store.app(), host="127.0.0.1", port=0, grace_seconds=1) as port:
        store.url = f"http://127.0.0.1:{port}"
        try:
            yield store
        finally:
            store.may_respond.set()
            for gate in store.gates.values():
                gate.set()
