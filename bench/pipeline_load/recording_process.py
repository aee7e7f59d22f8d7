"""Records sockets in another process, so that reading frames does not slow down sending webhooks.

Parent and child exchange length-prefixed MessagePack over the child's stdin and stdout.
"""

import asyncio
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import uvloop

from bench.pipeline_load.recording import Recorder, Recording
from bench.pipeline_load.target import CannotMeasure
from bench.pipeline_load.users import BenchUser

_RESPONSE_SECONDS = 60.0
T = TypeVar("T")
_LENGTH = struct.Struct(">I")


class _Setup(msgspec.Struct):
    ws_url: str
    users: list[BenchUser]
    prefix: str


class RecorderProcess:
    """A `Recorder` in another process. Use it as a context."""

    def __init__(self, ws_url: str, users: Sequence[BenchUser], prefix: str) -> None:
        self._setup = _Setup(ws_url, list(users), prefix)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.pipeline_load.recording_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        problem = await self._request(self._setup, str)
        if problem:
            await self.__aexit__()
            raise CannotMeasure(problem)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the child ends at the end of its input
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def count(self) -> int:
        """Return the number of distinct messages of this run that have arrived."""
        return await self._request("count", int)

    async def collected(self) -> list[Recording]:
        """Return everything that has arrived."""
        return await self._request("collected", list[Recording])

    async def _request(self, request: Any, response_type: type[T]) -> T:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _write(self._process.stdin, request)
        async with asyncio.timeout(_RESPONSE_SECONDS):
            await self._process.stdin.drain()
            return msgspec.msgpack.decode(await _read(self._process.stdout), type=response_type)


def _write(stream: asyncio.StreamWriter, content: Any) -> None:
    payload = msgspec.msgpack.encode(content)
    stream.write(_LENGTH.pack(len(payload)) + payload)


async def _read(stream: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return await stream.readexactly(length)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    setup = msgspec.msgpack.decode(await _read(reader), type=_Setup)
    try:
        async with Recorder(setup.ws_url, setup.users, setup.prefix) as recorder:
            _write(writer, "")
            while True:
                request = msgspec.msgpack.decode(await _read(reader))
                _write(writer, await recorder.count() if request == "count" else await recorder.collected())
                await writer.drain()
    except CannotMeasure as problem:
        _write(writer, str(problem))
        await writer.drain()
    except asyncio.IncompleteReadError:
        return  # the parent has closed the pipe


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends this process
    uvloop.run(_serve())
