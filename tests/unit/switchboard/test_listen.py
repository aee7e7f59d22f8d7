"""`switchboard listen` against a server that closes in every way the protocol knows."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from shared.errors import PermanentError
from switchboard.listen import listen

Visit = tuple[bool, int, str]
"""Whether `hello` is sent; then the close code and its reason."""

HELLO = json.dumps({"type": "hello", "data": {"seq": 3, "epoch": "e1"}})
DONE: Visit = (False, 4001, "")


@asynccontextmanager
async def closing(*visits: Visit) -> AsyncIterator[str]:
    left = iter(visits)

    async def answer(socket: ServerConnection) -> None:
        has_hello, code, reason = next(left)
        if has_hello:
            await socket.send(HELLO)
        await socket.close(code, reason)

    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws/ada"


async def waits_of(*visits: Visit) -> Sequence[float]:
    """Return the announced delays after each visit but the last, in seconds."""
    said: list[str] = []
    async with closing(*visits, DONE) as url, asyncio.timeout(15):
        with pytest.raises(PermanentError):
            await listen(url, after=None, write=said.append, report=said.append)
    return [float(found[1]) for line in said if (found := re.search(r"reconnecting in ([0-9.]+) s", line))]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(4001, "expired"), (4003, "another user"), (4009, "too many open connections"), (4400, "does not understand")],
)
async def test_a_final_close_code_ends_it_with_a_sentence(code: int, sentence: str) -> None:
    async with closing((False, code, "")) as url, asyncio.timeout(5):
        with pytest.raises(PermanentError, match=sentence):
            await listen(url, after=None, write=print, report=print)


async def test_a_restarting_server_says_when_to_reconnect() -> None:
    [first, second, third] = await waits_of(
        (True, 1012, "retry_after_ms=100"), (True, 1012, "retry_after_ms=1000"), (True, 1012, "soon")
    )

    assert first == 0.1
    assert 0.9 <= second <= 1.1
    assert 0.2 <= third <= 0.5, "as after any other loss"


async def test_the_delays_grow_until_the_server_sends_hello() -> None:
    [first, second, third] = await waits_of((False, 1011, ""), (False, 1011, ""), (True, 1011, ""))

    assert 0.2 <= first <= 0.5
    assert 0.5 <= second <= 1.0
    assert 0.2 <= third <= 0.5
