"""Plays cases through a running system: each for its own user, twice, and in both orders where the order matters."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from shared.contracts import Platform
from tests.acceptance.comparison import (
    Difference,
    inbox_differences,
    ledger_differences,
    loose_differences,
    repeat_differences,
)
from tests.acceptance.corpus import Case
from tests.acceptance.observed import Inbox, Ledger
from tests.acceptance.plan import UNNAMED_PAGE, Outcome, ledger_pages_of, outcome_of, pages_of, probe
from tests.acceptance.rest import Rest, UnexpectedResponse
from tests.system.running import System

_CONCURRENCY = 6


@dataclass(frozen=True)
class _Result:
    """The result of playing a case once."""

    inbox: Inbox
    again: Inbox
    added: Ledger
    fingerprint: str
    """Hash of the user's state; empty if it is not compared."""


class Player:
    """Plays cases concurrently. A page has one owner at a time, so cases with the same page take turns."""

    def __init__(self, system: System) -> None:
        self._rest = Rest(system)
        self._pages: defaultdict[tuple[Platform, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._places = asyncio.Semaphore(_CONCURRENCY)

    async def play_all(self, cases: Sequence[Case]) -> list[Difference]:
        """Return all mismatches."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._play(case)) for case in cases]
        return [difference for task in tasks for difference in task.result()]

    async def _play(self, case: Case) -> list[Difference]:
        page_ids = pages_of(case) or [UNNAMED_PAGE]
        async with AsyncExitStack() as held:
            for page_id in ledger_pages_of(case):  # sorted, so that cases cannot deadlock
                await held.enter_async_context(self._pages[case.platform, page_id])
            await held.enter_async_context(self._places)
            try:
                return await self._play_alone(case, page_ids)
            except (UnexpectedResponse, httpx.HTTPError) as error:
                return [Difference(case.row.file, "responses", "as documented", str(error) or repr(error))]

    async def _play_alone(self, case: Case, page_ids: Sequence[str]) -> list[Difference]:
        """Play a case with its effects before their messages, and then, for another user, after them."""
        outcome = outcome_of(case) if case.is_strict else None
        first = await self._play_for(f"{case.row.file}+1", case, page_ids, outcome, is_effect_first=True)
        differences = [*ledger_differences(case, first.added), *_differences(case, outcome, first)]
        if outcome is not None and outcome.bases:
            second = await self._play_for(f"{case.row.file}+2", case, page_ids, outcome, is_effect_first=False)
            differences += _differences(case, outcome, second)
            one, other = first.inbox.without_arrival(), second.inbox.without_arrival()
            differences += repeat_differences(case, "in the other order", one, other)
            if first.fingerprint != second.fingerprint:
                differences.append(
                    Difference(case.row.file, "hash in the other order", first.fingerprint, second.fingerprint)
                )
        return list({str(difference): difference for difference in differences}.values())

    async def _play_for(
        self, user_id: str, case: Case, page_ids: Sequence[str], outcome: Outcome | None, *, is_effect_first: bool
    ) -> _Result:
        rest, bases = self._rest, [] if outcome is None else outcome.bases
        await rest.connect(case.platform, page_ids, user_id)
        token = await rest.token(user_id)
        added = Ledger()
        if is_effect_first:
            added = await self._post_and_account(case, page_ids[0], token)
        for base in bases:
            await rest.post_webhook(base.webhook(case.platform))
        if not is_effect_first:
            await self._probe(case, page_ids[0], token, 1)
            await rest.post(case.platform, case.body)
        if bases:
            await self._probe(case, page_ids[0], token, 2)
        inbox = await rest.inbox_once(token, lambda seen: not _inbox_differences(case, outcome, seen))
        await rest.post(case.platform, case.body)
        await self._probe(case, page_ids[0], token, 3)
        again = await rest.inbox_once(token, lambda seen: seen == inbox)
        return _Result(inbox, again, added, await rest.fingerprint(user_id) if bases else "")

    async def _post_and_account(self, case: Case, page_id: str, token: str) -> Ledger:
        """Post the body; return what that added to the ledger, without the probe."""
        page_ids = ledger_pages_of(case)
        before = await self._rest.ledger(case.platform, page_ids)
        await self._rest.post(case.platform, case.body)
        await self._probe(case, page_id, token, 1)
        n_events = case.row.expected.n_events if case.is_strict else 0
        received = before.received + n_events + 1
        after = await self._rest.settled_ledger(case.platform, page_ids, received=received)
        return after.since(before).since(Ledger(received=1, stored=1))

    async def _probe(self, case: Case, page_id: str, token: str, number: int) -> None:
        message_id, webhook = probe(case, page_id, number)
        await self._rest.post_webhook(webhook)
        await self._rest.wait_for_probe(token, message_id)


def _differences(case: Case, outcome: Outcome | None, played: _Result) -> list[Difference]:
    repeated = repeat_differences(case, "the same body again", played.inbox, played.again)
    return [*_inbox_differences(case, outcome, played.inbox), *repeated]


def _inbox_differences(case: Case, outcome: Outcome | None, inbox: Inbox) -> list[Difference]:
    return list(loose_differences(case, inbox) if outcome is None else inbox_differences(case, outcome, inbox))
