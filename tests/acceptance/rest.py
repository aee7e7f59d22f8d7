"""What a running system is asked and told over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import httpx

from shared.contracts import Platform
from simulator import signing
from simulator.bodies import Webhook
from tests.acceptance.observed import Inbox, Ledger, Object
from tests.acceptance.planning import PROBE
from tests.system.running import System

_PATIENCE_SECONDS = 15.0
_SETTLING_SECONDS = 4.0
"""For what was posted before a probe, and may be overtaken by it."""
_PAGE_SIZE = 200


class Surprise(Exception):
    """The system answered what it never should, or not in time."""


class NotInTime(Surprise):
    """What was waited for did not come about."""


class Rest:
    """REST and webhooks of one system."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def connect(self, platform: Platform, page_ids: Sequence[str], user_id: str) -> None:
        """Make `user_id` the owner of the pages, from now on."""
        for page_id in page_ids:
            path = f"/accounts/{platform}/{page_id}"
            await self._call("PUT", path, self._system.urls["admin_token"], json={"user_id": user_id})

    async def token(self, user_id: str) -> str:
        """Return a token of the user."""
        minted = await self._call("POST", "/tokens", self._system.urls["admin_token"], json={"user_id": user_id})
        return str(minted["token"])

    async def post(self, platform: Platform, body: bytes) -> None:
        """Post a signed body, byte for byte; it must be answered 200."""
        status = await self._system.post(platform, body)
        if status != 200:
            raise Surprise(f"the webhook was answered {status}")

    async def post_webhook(self, webhook: Webhook) -> None:
        """Post a webhook of the simulator's."""
        await self.post(webhook.platform, signing.serialize(webhook.body))

    async def inbox_once(self, token: str, is_right: Callable[[Inbox], bool]) -> Inbox:
        """Return what the user sees once it is right; as it is in the end when it never is."""
        inbox = Inbox()
        with suppress(NotInTime):
            async for _ in _patiently("the inbox is never right", seconds=_SETTLING_SECONDS):
                inbox = await self._inbox(token)
                if is_right(inbox):
                    break
        return inbox

    async def _inbox(self, token: str) -> Inbox:
        """Return everything that the user sees, without the probe's conversation."""
        conversations = [
            each
            for each in await self._call("GET", "/conversations", token, params={"limit": _PAGE_SIZE})
            if each["participant_id"] != PROBE
        ]
        messages: list[Object] = []
        for conversation in conversations:
            path = f"/conversations/{conversation['conversation_id']}/messages"
            messages += await self._call("GET", path, token, params={"limit": _PAGE_SIZE})
        records = await self._call("GET", "/records", token, params={"limit": _PAGE_SIZE})
        return Inbox(tuple(conversations), tuple(messages), tuple(records))

    async def fingerprint(self, user_id: str) -> str:
        """Return the hash over the user's canonical state."""
        lines = await self._text("/verify", self._system.urls["admin_token"], params={"user_id": user_id})
        states = [state for state in map(json.loads, lines.splitlines()) if state.get("user_id") == user_id]
        return str(states[0]["hash"]) if states else "nothing is known of the user"

    async def until_probe_is_shown(self, token: str, message_id: str) -> None:
        """Return when the probe is there: all that was posted before it has then been taken up."""
        async for _ in _patiently(f"the probe {message_id} is not shown"):
            for each in await self._call("GET", "/conversations", token, params={"limit": _PAGE_SIZE}):
                if each["participant_id"] == PROBE and each["last_message"]["message_id"] == message_id:
                    return

    async def settled_ledger(self, platform: Platform, page_ids: Sequence[str], *, received: int) -> Ledger:
        """Return what the ledger says of the pages, once `received` items and all that became of them are known.

        When that does not come about, it is returned as it is in the end.
        """
        ledger = Ledger()
        with suppress(NotInTime):
            async for _ in _patiently("the ledger does not settle"):
                ledger = await self.ledger(platform, page_ids)
                if ledger.received >= received and not ledger.unaccounted:
                    break
        return ledger

    async def ledger(self, platform: Platform, page_ids: Sequence[str]) -> Ledger:
        """Return what the ledger says of the pages at the moment."""
        rows = await self._call("GET", "/ledger", self._system.urls["admin_token"])
        mine = [row for row in rows if row["platform"] == platform and row["page_id"] in page_ids]
        ignored: dict[str, int] = {}
        for row in mine:
            for label, number in row["ignored"].items():
                ignored[label] = ignored.get(label, 0) + number
        names = ("received", "stored", "duplicate", "parked", "waiting", "unaccounted")
        return Ledger(**{name: sum(row[name] for row in mine) for name in names}, ignored=ignored)

    async def _text(self, path: str, token: str, **more: Any) -> str:
        answer = await self._answer("GET", path, token, **more)
        return answer.text

    async def _call(self, method: str, path: str, token: str, **more: Any) -> Any:
        answer = await self._answer(method, path, token, **more)
        return answer.json() if answer.content else None

    async def _answer(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        answer = await self._system.http.request(
            method, f"{self._system.urls['api']}{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )
        if not answer.is_success:
            raise Surprise(f"{method} {path} was answered {answer.status_code}: {answer.text[:200]}")
        return answer


async def _patiently(problem: str, *, seconds: float = _PATIENCE_SECONDS) -> AsyncIterator[None]:
    """Yield until the caller has what it wants.

    Raises:
        NotInTime: it never had.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + seconds, 0.005
    while loop.time() < deadline:
        yield
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)
    raise NotInTime(f"{problem} after {seconds:g} s")
