"""The same sockets in a process of their own, so that reading frames takes no time from sending webhooks.

Parent and child speak msgpack with a length before it, over the child's stdin and stdout.
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

from bench.pipeline_load.audience import Listener
from bench.pipeline_load.recording import Recorder, Recording
from bench.pipeline_load.target import Unusable

_ANSWER_SECONDS = 60.0
T = TypeVar("T")
_LENGTH = struct.Struct(">I")


class _Order(msgspec.Struct):
    ws_url: str
    listeners: list[Listener]
    prefix: str


class RecorderProcess:
    """What `Recorder` is, in another process. Used as a context."""

    def __init__(self, ws_url: str, listeners: Sequence[Listener], prefix: str) -> None:
        self._order = _Order(ws_url, list(listeners), prefix)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.pipeline_load.recording_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        problem = await self._ask(self._order, str)
        if problem:
            await self.__aexit__()
            raise Unusable(problem)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends when there is nothing more to read
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def count(self) -> int:
        """Return how many different messages of this run have come."""
        return await self._ask("count", int)

    async def collected(self) -> list[Recording]:
        """Return everything that has come."""
        return await self._ask("collected", list[Recording])

    async def _ask(self, question: Any, answer_type: type[T]) -> T:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _write(self._process.stdin, question)
        async with asyncio.timeout(_ANSWER_SECONDS):
            await self._process.stdin.drain()
            return msgspec.msgpack.decode(await _read(self._process.stdout), type=answer_type)


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
    order = msgspec.msgpack.decode(await _read(reader), type=_Order)
    try:
        async with Recorder(order.ws_url, order.listeners, order.prefix) as recorder:
            _write(writer, "")
            while True:
                question = msgspec.msgpack.decode(await _read(reader))
                _write(writer, await recorder.count() if question == "count" else await recorder.collected())
                await writer.drain()
    except Unusable as problem:
        _write(writer, str(problem))
        await writer.drain()
    except asyncio.IncompleteReadError:
        return  # the parent has closed its end


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends this process
    uvloop.run(_serve())
