"""A client of server-sent events that parses them as the HTML standard says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.integration.push_gateway.harness import WAIT_SECONDS, Gateway, token


@dataclass
class Event:
    type: str = "message"
    data: Any = None


@dataclass
class EventStream:
    """A stream, with the `last_event_id` and `retry_ms` that a browser would keep."""

    response: httpx.Response
    last_event_id: str = ""
    retry_ms: int | None = None
    comments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = self.response.aiter_lines()

    async def next(self, seconds: float = WAIT_SECONDS) -> Event:
        """Return the next event; raises StopAsyncIteration when the server has ended the stream."""
        event, data = Event(), ""
        async with asyncio.timeout(seconds):
            while True:
                line = await anext(self._lines)
                if not line and data:
                    event.data = json.loads(data)
                    return event
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "" if line:
                        self.comments.append(value)
                    case "event":
                        event.type = value
                    case "data":
                        data += value
                    case "id":
                        self.last_event_id = value
                    case "retry":
                        self.retry_ms = int(value)

    async def until(self, kind: str) -> Event:
        """Return the next event of a type."""
        while (event := await self.next()).type != kind:
            pass
        return event

    async def seqs(self, count: int) -> list[int]:
        """Return the `seq` of the next `count` changes."""
        seqs: list[int] = []
        while len(seqs) < count:
            event = await self.next()
            if "seq" in event.data:
                assert event.data["type"] == event.type
                assert self.last_event_id == f"e1-{event.data['seq']}"
                seqs.append(event.data["seq"])
        return seqs


def stream_url(gw: Gateway, user_id: str, **query: object) -> str:
    asked = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return f"http://127.0.0.1:{gw.sse_port}/sse/{quote(user_id, safe='')}?{asked}"


@asynccontextmanager
async def stream(
    gw: Gateway, user_id: str, *, seconds: float = 600.0, last_event_id: str | None = None, **query: object
) -> AsyncIterator[EventStream]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with (
        httpx.AsyncClient(timeout=WAIT_SECONDS, trust_env=False) as client,
        client.stream(
            "GET", stream_url(gw, user_id, token=token(user_id, seconds), **query), headers=headers
        ) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield EventStream(response)
