"""/internal: the API for the enricher and the gateways, on a port of its own and with service tokens."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar, get_args

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.contracts import Platform
from shared.contracts.internal import (
    LogFrame,
    LogRequest,
    LogResponse,
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
    TopsRequest,
    TopsResponse,
    UserLog,
)
from shared.http.problems import ProblemRaised
from shared.security.bearer import bearer_token
from shared.store_client import paths
from shared.store_client.callers import ServiceToken, identify
from store.core.accounts import OwnershipInterval, page_version
from store.core.publish_watermarks import SeqRange
from store.repository import accounts, lists, profile_lookups, revocations
from store.repository.inbox import event_log
from store.repository.inbox.rendering import LogRow
from store.repository.postgres.database import Database
from store.routes.bodies import BodyLimit
from store.routes.problems import EXCEPTION_HANDLERS
from store.routes.responses import json_response
from store.services.read_marks import ReadMarkService

MAX_ATTACHMENTS = 1_000
"""Per message; far more than the enricher lets through."""
_FRAMES_PER_ANSWER = 20_000
"""Over all positions; the caller repeats a truncated request from where the response ended."""
_NOBODY = event_log.LogBounds(0, 0)

QueryT = TypeVar("QueryT", bound=msgspec.Struct)
Endpoint = Callable[[Request], Awaitable[Response]]


class InternalApi:
    """The endpoints. Each runs a bounded number of queries, whatever the size of the request."""

    def __init__(self, database: Database, read_marks: ReadMarkService, *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._read_marks = read_marks
        self._utc_now = utc_now

    async def page_owners(self, request: Request) -> Response:
        """Return who owned a page when, and the access tokens."""
        platform, page_id = request.path_params["platform"], request.path_params["page_id"]
        if platform not in get_args(Platform):
            raise ProblemRaised("not-found", f"Unknown platform {platform!r}.")
        async with self._database.reading() as connection:
            known = (await accounts.intervals(connection, [(platform, page_id)])).get((platform, page_id), [])
        owners = tuple(map(_owner, known))
        return json_response(PageOwners(platform=platform, page_id=page_id, version=page_version(known), owners=owners))

    async def participants(self, request: Request) -> Response:
        """Return the stored profiles of participants."""
        query = await _body(request, ParticipantsRequest)
        _at_most(len(query.participants), paths.MAX_PARTICIPANTS, "participants")
        async with self._database.reading() as connection:
            known = await profile_lookups.known_participants(connection, query.participants)
        return json_response(ParticipantsResponse(participants=tuple(known)))

    async def claim_lookups(self, request: Request) -> Response:
        """Lease profile lookups that are due."""
        claim = await _body(request, LookupsClaim)
        _at_most(len(claim.except_pages), paths.MAX_EXCEPT_PAGES, "pages")
        if not (1 <= claim.limit <= paths.MAX_LOOKUPS and 0 < claim.lease_seconds <= paths.MAX_LEASE_SECONDS):
            raise ProblemRaised(
                "invalid-request", f"limit is 1 to {paths.MAX_LOOKUPS}, a lease 0 to {paths.MAX_LEASE_SECONDS:g} s."
            )
        lookups = await profile_lookups.claim_lookups(
            self._database,
            now=self._utc_now(),
            lease=timedelta(seconds=claim.lease_seconds),
            limit=claim.limit,
            except_pages=claim.except_pages,
        )
        return json_response(LookupsResponse(lookups=tuple(lookups)))

    async def log(self, request: Request) -> Response:
        """Return the event logs of several users after given positions."""
        query = await _body(request, LogRequest)
        _at_most(len(query.positions), paths.MAX_POSITIONS, "positions")
        if not 1 <= query.limit <= paths.MAX_FRAMES:
            raise ProblemRaised("invalid-request", f"limit is 1 to {paths.MAX_FRAMES}.")
        epoch = await self._database.epoch()
        async with self._database.reading() as connection:
            tops = await event_log.log_bounds(connection, {wanted.user_id for wanted in query.positions})
            ranges = [
                SeqRange(wanted.user_id, wanted.after + 1, top.last_seq)
                for wanted in query.positions
                if (top := tops.get(wanted.user_id, _NOBODY)).floor_seq <= wanted.after < top.last_seq
            ]
            per_range = max(1, min(query.limit, _FRAMES_PER_ANSWER // max(1, len(ranges))))
            rows = await event_log.frames(connection, ranges, per_range=per_range)
        frames: dict[str, list[LogRow]] = {}
        for row in rows:
            frames.setdefault(row.user_id, []).append(row)
        users = tuple(
            _user_log(
                wanted.user_id,
                wanted.after,
                tops.get(wanted.user_id, _NOBODY),
                frames.get(wanted.user_id, ()),
                per_range,
            )
            for wanted in query.positions
        )
        return json_response(LogResponse(epoch=epoch, users=users))

    async def tops(self, request: Request) -> Response:
        """Return the highest seq of many users."""
        query = await _body(request, TopsRequest)
        _at_most(len(query.user_ids), paths.MAX_TOPS, "user_ids")
        epoch = await self._database.epoch()
        async with self._database.reading() as connection:
            tops = await event_log.log_bounds(connection, query.user_ids)
        return json_response(
            TopsResponse(epoch=epoch, tops={user: tops.get(user, _NOBODY).last_seq for user in query.user_ids})
        )

    async def media(self, request: Request) -> Response:
        """Return an attachment and the access token to fetch it with."""
        query = await _body(request, MediaRequest)
        if not (0 <= query.id < 2**63 and 0 <= query.index < MAX_ATTACHMENTS):
            return json_response(MediaResponse(media=None))
        async with self._database.reading() as connection:
            found = await lists.attachment(connection, query.user_id, query.conversation_id, query.id, query.index)
            if found is None:
                return json_response(MediaResponse(media=None))
            page = (found.platform, found.page_id)
            known = (await accounts.intervals(connection, [page])).get(page, [])
        owner = next((one for one in known if one.owned_until is None and one.user_id == query.user_id), None)
        media = Media(
            platform=found.platform,
            page_id=found.page_id,
            attachment=found.attachment,
            version=page_version(known),
            owner=None if owner is None else _owner(owner),
        )
        return json_response(MediaResponse(media=media))

    async def revocations(self, request: Request) -> Response:
        """Return which users' tokens are revoked, unless the caller has them already."""
        query = await _body(request, RevocationsRequest)
        return json_response(await revocations.read(self._database, query.known_version))

    async def read(self, request: Request) -> Response:
        """Mark a user's conversation as read."""
        query = await _body(request, ReadRequest)
        if not 0 <= query.up_to_seq < 2**63:
            raise ProblemRaised("invalid-request", "up_to_seq is 0 to 2**63 - 1.")
        marked = await self._read_marks.mark(query.user_id, query.conversation_id, query.up_to_seq)
        if marked is None:
            raise ProblemRaised("no-such-conversation", "The user has no conversation with this ID.")
        return json_response(ReadResponse(seq=marked.read_seq))


def _owner(interval: OwnershipInterval) -> Owner:
    return Owner(
        user_id=interval.user_id,
        owned_from=interval.owned_from,
        owned_until=interval.owned_until,
        status=interval.status,
        token_ciphertext=interval.token_ciphertext,
    )


def _user_log(user_id: str, after: int, top: event_log.LogBounds, rows: Sequence[LogRow], limit: int) -> UserLog:
    """Return a user's part of the response. A request may name the same user twice, with different positions."""
    mine = [row for row in rows if row.seq > after]
    seen: dict[int, LogRow] = {row.seq: row for row in mine}
    frames = [seen[seq] for seq in sorted(seen)][:limit]
    return UserLog(
        user_id=user_id,
        seq=top.last_seq,
        floor_seq=top.floor_seq,
        frames=tuple(LogFrame(seq=row.seq, kind=row.kind, data=row.data) for row in frames),
    )


async def _body(request: Request, kind: type[QueryT]) -> QueryT:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProblemRaised("invalid-request", str(error)) from error


def _at_most(given: int, limit: int, what: str) -> None:
    if given > limit:
        raise ProblemRaised("invalid-request", f"A request may hold at most {limit} {what}.")


def internal_app(
    database: Database,
    read_marks: ReadMarkService,
    *,
    service_tokens: Sequence[ServiceToken],
    utc_now: Callable[[], datetime],
) -> Starlette:
    """Return the ASGI app of /internal."""
    api = InternalApi(database, read_marks, utc_now=utc_now)

    def guarded(path: str, endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            token = identify(bearer_token(request.headers.get("authorization")), service_tokens)
            if token is None:
                raise ProblemRaised(
                    "unauthorized", "A service token is required.", headers={"WWW-Authenticate": "Bearer"}
                )
            if not token.may_call(path):
                raise ProblemRaised("forbidden", f"The token of {token.caller} does not open {path}.")
            return await endpoint(request)

        return guard

    app = Starlette(
        routes=[
            Route(paths.PAGE_OWNERS_PATH, guarded(paths.PAGE_OWNERS_PATH, api.page_owners)),
            Route(paths.PARTICIPANTS_PATH, guarded(paths.PARTICIPANTS_PATH, api.participants), methods=["POST"]),
            Route(paths.CLAIM_LOOKUPS_PATH, guarded(paths.CLAIM_LOOKUPS_PATH, api.claim_lookups), methods=["POST"]),
            Route(paths.LOG_PATH, guarded(paths.LOG_PATH, api.log), methods=["POST"]),
            Route(paths.MEDIA_PATH, guarded(paths.MEDIA_PATH, api.media), methods=["POST"]),
            Route(paths.READ_PATH, guarded(paths.READ_PATH, api.read), methods=["POST"]),
            Route(paths.REVOCATIONS_PATH, guarded(paths.REVOCATIONS_PATH, api.revocations), methods=["POST"]),
            Route(paths.TOPS_PATH, guarded(paths.TOPS_PATH, api.tops), methods=["POST"]),
        ],
        middleware=[Middleware(BodyLimit, max_bytes=paths.MAX_BODY_BYTES)],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False
    return app
