"""`switchboard listen`: the smallest client that misses nothing."""

import asyncio
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from shared.errors import PermanentError

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_LONGEST_ASKED_SECONDS = 60.0
"""A server that asks for more is not believed."""
_FINAL_CLOSE_CODES = {
    4001: "the token is wrong or has expired",
    4003: "the token is another user's",
    4009: "there are as many sockets open as there may be: close another one, then listen again",
    4400: "the server does not understand this request, e.g. a position that is no number",
}
_RESTARTING = 1012
_RETRY_AFTER = re.compile(r"retry_after_ms=(\d{1,9})")


class Listener:
    """Where the stream is: the last `seq` shown and the epoch that it belongs to."""

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.epoch: str | None = None

    def line(self, frame: dict[str, Any]) -> str | None:
        """Take in a frame; return what to show of it."""
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


async def listen(url: str, *, after: int | None, write: Callable[[str], None], say: Callable[[str], None]) -> None:
    """Print messages until cancelled or until nobody reads them; a lost connection is resumed where it was.

    Raises:
        PermanentError: the server will not have this URL or token.
    """
    listener = Listener(after)
    rng = Random()  # noqa: S311 - spreads reconnects
    pause = _FIRST_PAUSE_SECONDS
    while True:
        asked_seconds = None
        try:
            async with connect(_resuming(url, listener), open_timeout=10) as socket:
                async for text in socket:
                    frame = msgspec.json.decode(text)
                    if frame["type"] == "hello":
                        pause = _FIRST_PAUSE_SECONDS  # accepted is not served: a refusal comes after the handshake
                    if (line := listener.line(frame)) is not None:
                        write(line)
            why = f"closed with {socket.close_code}"
        except BrokenPipeError:
            return  # nobody reads what we print, e.g. `| head`
        except InvalidURI as error:
            raise PermanentError(str(error)) from error
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd is not None:
                asked_seconds = retry_after_seconds(error.rcvd.code, error.rcvd.reason)
            why = str(error) or type(error).__name__
        wait = pause * rng.uniform(0.5, 1.0) if asked_seconds is None else asked_seconds * rng.uniform(0.9, 1.1)
        say(f"Connection lost ({why}); again in {wait:.1f} s …")
        await asyncio.sleep(wait)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def retry_after_seconds(code: int, reason: str) -> float | None:
    """Return when a server that closed with `code` wants us back; None where it does not say.

    Raises:
        PermanentError: it does not want us back.
    """
    if code in _FINAL_CLOSE_CODES:
        raise PermanentError(_FINAL_CLOSE_CODES[code])
    asked = _RETRY_AFTER.fullmatch(reason) if code == _RESTARTING else None
    return min(int(asked[1]) / 1000, _LONGEST_ASKED_SECONDS) if asked else None


def _resuming(url: str, listener: Listener) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if listener.after is not None:
        query["after"] = str(listener.after)
    if listener.epoch is not None:
        query["epoch"] = listener.epoch
    return urlunsplit(parts._replace(query=urlencode(query)))
