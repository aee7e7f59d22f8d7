"""A client for the REST API and the webhooks of a running system."""

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
from tests.acceptance.plan import PROBE
from tests.system.running import System

_TIMEOUT_SECONDS = 15.0
_SETTLING_SECONDS = 4.0
"""For webhooks that were posted before a probe and may arrive after it."""
_PAGE_SIZE = 200


class UnexpectedResponse(Exception):
    """The system responds with an error, or not in time."""


class NotSettled(UnexpectedResponse):
    """The expected state was not reached in time."""


class Rest:
    """REST and webhooks of one system."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def connect(self, platform: Platform, page_ids: Sequence[str], user_id: str) -> None:
        """Connect the pages to `user_id`."""
        for page_id in page_ids:
            path = f"/accounts/{platform}/{page_id}"
            await self._call("PUT", path, self._system.urls["admin_token"], json={"user_id": user_id})

    async def token(self, user_id: str) -> str:
        """Return a token of the user."""
        minted = await self._call("POST", "/tokens", self._system.urls["admin_token"], json={"user_id": user_id})
        return str(minted["token"])

    async def post(self, platform: Platform, body: bytes) -> None:
        """Post the signed bytes of a body; the response must be 200."""
        status = await self._system.post(platform, body)
        if status != 200:
            raise UnexpectedResponse(f"the response to the webhook is {status}")

    async def post_webhook(self, webhook: Webhook) -> None:
        """Post a webhook of the simulator."""
        await self.post(webhook.platform, signing.serialize(webhook.body))

    async def inbox_once(self, token: str, is_right: Callable[[Inbox], bool]) -> Inbox:
        """Return the user's inbox once it is right; after a timeout return it as it is."""
        inbox = Inbox()
        with suppress(NotSettled):
            async for _ in _poll("the inbox does not become right", seconds=_SETTLING_SECONDS):
                inbox = await self._inbox(token)
                if is_right(inbox):
                    break
        return inbox

    async def _inbox(self, token: str) -> Inbox:
        """Return the user's inbox without the probe's conversation."""
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
        """Return the hash of the user's canonical state."""
        lines = await self._text("/verify", self._system.urls["admin_token"], params={"user_id": user_id})
        states = [state for state in map(json.loads, lines.splitlines()) if state.get("user_id") == user_id]
        return str(states[0]["hash"]) if states else "the user has no state"

    async def wait_for_probe(self, token: str, message_id: str) -> None:
        """Return once the probe arrives: everything posted before it has then been accepted."""
        async for _ in _poll(f"the probe {message_id} does not arrive"):
            for each in await self._call("GET", "/conversations", token, params={"limit": _PAGE_SIZE}):
                if each["participant_id"] == PROBE and each["last_message"]["message_id"] == message_id:
                    return

    async def settled_ledger(self, platform: Platform, page_ids: Sequence[str], *, received: int) -> Ledger:
        """Return the ledger of the pages once `received` items are counted and accounted for.

        After a timeout it is returned as it is.
        """
        ledger = Ledger()
        with suppress(NotSettled):
            async for _ in _poll("the ledger does not settle"):
                ledger = await self.ledger(platform, page_ids)
                if ledger.received >= received and not ledger.unaccounted:
                    break
        return ledger

    async def ledger(self, platform: Platform, page_ids: Sequence[str]) -> Ledger:
        """Return the current ledger of the pages."""
        rows = await self._call("GET", "/ledger", self._system.urls["admin_token"])
        mine = [row for row in rows if row["platform"] == platform and row["page_id"] in page_ids]
        ignored: dict[str, int] = {}
        for row in mine:
            for label, number in row["ignored"].items():
                ignored[label] = ignored.get(label, 0) + number
        names = ("received", "stored", "duplicate", "parked", "waiting", "unaccounted")
        return Ledger(**{name: sum(row[name] for row in mine) for name in names}, ignored=ignored)

    async def _text(self, path: str, token: str, **more: Any) -> str:
        response = await self._request("GET", path, token, **more)
        return response.text

    async def _call(self, method: str, path: str, token: str, **more: Any) -> Any:
        response = await self._request(method, path, token, **more)
        return response.json() if response.content else None

    async def _request(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        response = await self._system.http.request(
            method, f"{self._system.urls['api']}{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )
        if not response.is_success:
            raise UnexpectedResponse(f"{method} {path} returned {response.status_code}: {response.text[:200]}")
        return response


async def _poll(problem: str, *, seconds: float = _TIMEOUT_SECONDS) -> AsyncIterator[None]:
    """Yield, with growing delays, until the caller stops iterating.

    Raises:
        NotSettled: the time is over.
    """
    loop = asyncio.get_running_loop()
    deadline, delay = loop.time() + seconds, 0.005
    while loop.time() < deadline:
        yield
        await asyncio.sleep(delay)
        delay = min(2 * delay, 0.2)
    raise NotSettled(f"{problem} after {seconds:g} s")
