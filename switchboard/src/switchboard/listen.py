"""`switchboard listen`: a minimal client that resumes after a lost connection."""

import asyncio
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from shared.aio.backoff import Backoff
from shared.errors import PermanentError

_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=15.0)
_LONGEST_RETRY_AFTER_SECONDS = 60.0
"""The server's `retry_after_ms` is capped at this."""
_FINAL_CLOSE_CODES = {
    4001: "The token is invalid or has expired: get a new one.",
    4003: "The token belongs to another user.",
    4009: "The user has too many open connections: close one and try again.",
    4400: "The server does not understand the request, for example a position that is not a number.",
}
_RESTARTING = 1012
_RETRY_AFTER = re.compile(r"retry_after_ms=(\d{1,9})")


class Listener:
    """The position in the stream: the last `seq` shown, and the epoch that it belongs to."""

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.epoch: str | None = None

    def line(self, frame: dict[str, Any]) -> str | None:
        """Advance the position by a frame; return the line to print, None if there is none."""
        data = frame.get("data") or {}
        if frame["type"] in ("hello", "reset"):
            self.epoch = data["epoch"]
            if self.after is None or frame["type"] == "reset":
                self.after = data["seq"]
            return None
        if (seq := frame.get("seq")) is None:
            return None
        self.after = seq
        if frame["type"] != "new_message":
            return f"{seq:>6}  {frame['type']}"
        message = data["message"]
        who = message["sender_name"] or message["sender_id"]
        arrow = "<-" if message["direction"] == "incoming" else "->"
        text = message["content"] or ""
        return f"{seq:>6}  {message['created_at'][:19]}  {message['platform']:<9} {arrow} {who}: {text}"


async def listen(url: str, *, after: int | None, write: Callable[[str], None], report: Callable[[str], None]) -> None:
    """Print messages until cancelled, or until standard output is closed. Resumes after a lost connection.

    Args:
        url: `ws://…/ws/USER?token=…`.
        after: the `seq` to start after; None: start now.
        write: prints a line of output.
        report: prints a line about the connection.

    Raises:
        PermanentError: the URL is invalid, or the server rejects the request.
    """
    listener = Listener(after)
    rng = Random()  # noqa: S311 - spreads reconnects
    failures = 0
    while True:
        retry_after = None
        try:
            async with connect(_resuming(url, listener), open_timeout=10) as socket:
                async for text in socket:
                    frame = msgspec.json.decode(text)
                    if frame["type"] == "hello":
                        failures = 0  # only now: a server refuses after the handshake
                    if (line := listener.line(frame)) is not None:
                        write(line)
            why = f"closed with {socket.close_code}"
        except BrokenPipeError:
            return  # standard output was closed, for example by `| head`
        except InvalidURI as error:
            raise PermanentError(str(error)) from error
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd is not None:
                retry_after = retry_after_seconds(error.rcvd.code, error.rcvd.reason)
            why = str(error) or type(error).__name__
        failures += 1
        if retry_after is None:
            delay = _BACKOFF.delay_seconds(failures, jitter=rng.random())
        else:
            delay = retry_after * rng.uniform(0.9, 1.1)
        report(f"Connection lost ({why}); reconnecting in {delay:.1f} s …")
        await asyncio.sleep(delay)


def retry_after_seconds(code: int, reason: str) -> float | None:
    """Return the delay that the server asks for when it closes with `code`; None if it names none.

    Raises:
        PermanentError: reconnecting would not help.
    """
    if code in _FINAL_CLOSE_CODES:
        raise PermanentError(_FINAL_CLOSE_CODES[code])
    asked = _RETRY_AFTER.fullmatch(reason) if code == _RESTARTING else None
    return min(int(asked[1]) / 1000, _LONGEST_RETRY_AFTER_SECONDS) if asked else None


def _resuming(url: str, listener: Listener) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if listener.after is not None:
        query["after"] = str(listener.after)
    if listener.epoch is not None:
        query["epoch"] = listener.epoch
    return urlunsplit(parts._replace(query=urlencode(query)))
