"""A store as the gateway sees it: a log per user behind `/internal`, which can be slow or away."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.contracts import InboxPersistedV1, derive_id
from shared.contracts.internal import (
    NO_SUCH_CONVERSATION,
    LogFrame,
    LogRequest,
    LogResponse,
    ReadRequest,
    ReadResponse,
    TopsRequest,
    TopsResponse,
    UserLog,
)
from shared.http.server import serving
from tests.builders import inbox_persisted

SERVICE_TOKEN = "service-token"


class FakeStore:
    """`append` commits a change and returns the event that the real store would publish."""

    def __init__(self) -> None:
        self.logs: dict[str, list[LogFrame]] = defaultdict(list)
        self.floors: dict[str, int] = defaultdict(int)
        self.epoch = "e1"
        self.is_away = False
        self.service_token = SERVICE_TOKEN
        self.knows_the_log = True
        self.queries: list[LogRequest] = []
        self.tops_queries: list[TopsRequest] = []
        self.read: list[ReadRequest] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.url = ""

    def append(self, user_id: str, text: str = "") -> InboxPersistedV1:
        seq = len(self.logs[user_id]) + 1
        data = msgspec.Raw(msgspec.json.encode({"n": seq, "text": text}))
        self.logs[user_id].append(LogFrame(seq=seq, kind="new_message", data=data))
        return inbox_persisted(id=derive_id(user_id, str(seq)), user_id=user_id, seq=seq, kind="new_message", data=data)

    async def log(self, request: Request) -> Response:
        if not self.knows_the_log:
            return Response(status_code=404)
        query = msgspec.json.decode(await request.body(), type=LogRequest)
        self.queries.append(query)
        users = tuple(self._read(position.user_id, position.after, query.limit) for position in query.positions)
        return await self._answer(request, LogResponse(epoch=self.epoch, users=users))

    async def tops(self, request: Request) -> Response:
        query = msgspec.json.decode(await request.body(), type=TopsRequest)
        self.tops_queries.append(query)
        tops = {user_id: len(self.logs[user_id]) for user_id in query.user_ids}
        return await self._answer(request, TopsResponse(epoch=self.epoch, tops=tops))

    async def mark_read(self, request: Request) -> Response:
        query = msgspec.json.decode(await request.body(), type=ReadRequest)
        if query.conversation_id == "unknown":
            return Response(msgspec.json.encode({"type": NO_SUCH_CONVERSATION}), 404)
        answer = await self._answer(request, ReadResponse(seq=query.up_to_seq))
        if answer.status_code == 200:
            self.read.append(query)
        return answer

    def _read(self, user_id: str, after: int, limit: int) -> UserLog:
        start = max(after, self.floors[user_id])
        log = self.logs[user_id]
        return UserLog(
            user_id=user_id, seq=len(log), floor_seq=self.floors[user_id], frames=tuple(log[start : start + limit])
        )

    async def _answer(self, request: Request, answer: Any) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.service_token}":
            return Response(status_code=401)
        await self.may_answer.wait()
        if self.is_away:
            return Response(status_code=503)
        return Response(msgspec.json.encode(answer), media_type="application/json")


@asynccontextmanager
async def fake_store() -> AsyncIterator[FakeStore]:
    store = FakeStore()
    app = Starlette(
        routes=[
            Route("/internal/log", store.log, methods=["POST"]),
            Route("/internal/tops", store.tops, methods=["POST"]),
            Route("/internal/read", store.mark_read, methods=["POST"]),
        ]
    )
    async with serving(app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        store.url = f"http://127.0.0.1:{port}"
        try:
            yield store
        finally:
            store.may_answer.set()
