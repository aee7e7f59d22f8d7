"""Records what arrives on the users' sockets, and when."""

import asyncio
import time
from collections.abc import Sequence
from typing import Self

import aiohttp
import msgspec

from bench.pipeline_load.target import CannotMeasure
from bench.pipeline_load.users import BenchUser
from bench.pipeline_load.webhooks import index_in

_OPEN_SECONDS = 15.0
_NOT_OURS = -1


class Recording(msgspec.Struct):
    """Every frame with a `seq` that arrived on one user's socket, in order."""

    user_id: str
    after: int = 0
    """The `seq` of `hello`; the next frame has the next number."""
    seqs: list[int] = msgspec.field(default_factory=list)
    indices: list[int] = msgspec.field(default_factory=list)
    """Index of the webhook of each frame; -1 if the frame is not a new message of this run."""
    times: list[float] = msgspec.field(default_factory=list)
    """`time.perf_counter()` at arrival, which is one clock for all processes of a Linux machine."""
    problems: list[str] = msgspec.field(default_factory=list)


class _Message(msgspec.Struct):
    message_id: str = ""


class _Data(msgspec.Struct):
    seq: int | None = None
    message: _Message | None = None


class _Frame(msgspec.Struct):
    type: str
    seq: int | None = None
    data: _Data | None = None


_frames = msgspec.json.Decoder(_Frame)


class Recorder:
    """One socket per user, in this process. Use it as a context."""

    def __init__(self, ws_url: str, users: Sequence[BenchUser], prefix: str) -> None:
        self.recordings = [Recording(listener.user_id) for listener in users]
        self._ws_url = ws_url
        self._listeners = users
        self._prefix = prefix
        self._seen: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                for listener, recording in zip(self._listeners, self.recordings, strict=True):
                    await self._open(listener, recording)
        except (aiohttp.ClientError, TimeoutError) as error:
            await self.__aexit__()
            raise CannotMeasure(f"cannot open a WebSocket to {self._ws_url}: {error!r}") from error
        except CannotMeasure:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def count(self) -> int:
        """Return the number of distinct messages of this run that have arrived."""
        return len(self._seen)

    async def collected(self) -> list[Recording]:
        """Return everything that has arrived."""
        return self.recordings

    async def _open(self, listener: BenchUser, recording: Recording) -> None:
        url = f"{self._ws_url}/{listener.user_id}"
        socket = await self._http.ws_connect(url, params={"token": listener.token}, max_msg_size=0, compress=0)
        first = await socket.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            raise CannotMeasure(f"the socket of {listener.user_id} was closed: {first.data} {first.extra}")
        hello = _frames.decode(first.data)
        recording.after = (hello.data.seq if hello.data else hello.seq) or 0
        self._tasks.append(asyncio.create_task(self._record(socket, recording)))

    async def _record(self, socket: aiohttp.ClientWebSocketResponse, recording: Recording) -> None:
        async for message in socket:
            at = time.perf_counter()
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            frame = _frames.decode(message.data)
            if frame.type == "reset":
                recording.problems.append("reset: the log no longer reaches back to the position")
            if frame.seq is None:
                continue
            index = None
            if frame.type == "new_message" and frame.data and frame.data.message:
                index = index_in(frame.data.message.message_id, self._prefix)
            recording.seqs.append(frame.seq)
            recording.indices.append(_NOT_OURS if index is None else index)
            recording.times.append(at)
            if index is not None:
                self._seen.add(index)
        recording.problems.append(f"the socket was closed with {socket.close_code}")
