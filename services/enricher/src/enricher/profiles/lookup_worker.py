"""Profile look-ups that were put off: claimed from the store, made, and their result published."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

import structlog

from enricher.accounts import AccountCache
from enricher.pages import Page, PageToken, token_of
from enricher.profiles.directory import ProfileDirectory
from enricher.profiles.lookups import Deferred, LookupResult, NotFound, ProfileKey, can_be_looked_up, resolved
from shared.contracts.internal import Lookup, Owner
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 1.0
LOOKUPS_PER_CLAIM = 20
LEASE_SECONDS = 60.0
"""Longer than a whole round takes, so that nobody else makes the same calls."""
ROUND_SECONDS = 45.0
MAX_EXHAUSTED_PAGES = 1_000
"""Named to the store in one claim; look-ups of further ones are claimed, and put off."""
STALE_SECONDS = 60.0


class LookupQueue(Protocol):
    """Where look-ups wait until they are due."""

    async def claim_lookups(
        self, limit: int, *, lease_seconds: float, except_pages: Sequence[Page]
    ) -> Sequence[Lookup]:
        """Return due look-ups, nobody else's for `lease_seconds`; none of `except_pages`.

        Raises:
            DependencyUnavailable: it cannot be asked at the moment.
        """


class LookupWorker:
    """Makes the look-ups that are due, while the Graph API answers.

    Args:
        jitter: returns a number in [0, 1).
        now: the time of day.
    """

    def __init__(
        self,
        queue: LookupQueue,
        *,
        accounts: AccountCache,
        profiles: ProfileDirectory,
        publisher: Publisher,
        jitter: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._accounts = accounts
        self._profiles = profiles
        self._publisher = publisher
        self._jitter = jitter
        self._now = now
        self._has_ended = False

    @property
    def problem(self) -> str | None:
        """What is wrong, for an operator; None while it works."""
        return "Look-ups of profiles have stopped: restart." if self._has_ended else None

    async def run(self) -> None:
        """Work until cancelled. What was claimed and not resolved is due again when its lease ends."""
        try:
            await self._run()
        finally:
            self._has_ended = True

    async def _run(self) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    claimed = await self.work_once()
            except (DependencyUnavailable, TransientError, TimeoutError) as error:
                log.info("look-ups put off", reason=f"{type(error).__name__}: {error}")
                claimed = 0
            if claimed < LOOKUPS_PER_CLAIM:
                await asyncio.sleep(INTERVAL_SECONDS)

    async def work_once(self) -> int:
        """Make the look-ups that are due now; returns how many there were.

        Raises:
            DependencyUnavailable, TransientError: the store or the broker is away.
        """
        limit = self._profiles.room(LOOKUPS_PER_CLAIM)
        if limit == 0:
            return 0
        lookups = await self._queue.claim_lookups(
            limit,
            lease_seconds=LEASE_SECONDS,
            except_pages=self._profiles.exhausted(calls=LOOKUPS_PER_CLAIM, most=MAX_EXHAUSTED_PAGES),
        )
        if not lookups:
            return 0
        tokens = await self._tokens(lookups)
        answers = await asyncio.gather(*map(self._answer, lookups, tokens))
        wanted = [_wanted(lookup) for lookup in lookups]
        whole = await self._profiles.complete(dict(zip(wanted, answers, strict=True)))
        now = self._now()
        await self._publisher.publish(
            [
                resolved(lookup, whole[one], now=now, jitter=self._jitter())
                for lookup, one in zip(lookups, wanted, strict=True)
            ]
        )
        return len(lookups)

    async def _tokens(self, lookups: Sequence[Lookup]) -> list[PageToken | LookupResult]:
        """Return what each look-up is made with, or how it ends without a call.

        The store hands out no look-up of a page that has to be connected again: where memory says that this is one,
        memory is behind.
        """
        owners = await self._owners({(lookup.platform, lookup.page_id) for lookup in lookups})
        outdated = {page for page, mine in owners.items() if any(_needs_reauthorization(owner) for owner, _ in mine)}
        if outdated:
            self._accounts.forget(outdated)
            owners |= await self._owners(outdated)
        return [_token(lookup, owners[lookup.platform, lookup.page_id]) for lookup in lookups]

    async def _owners(self, pages: Iterable[Page]) -> dict[Page, list[tuple[Owner, int]]]:
        found = await self._accounts.owners(dict.fromkeys(pages, 0))
        return {page: [(owner, known.version) for owner in known.owners] for page, known in found.items()}

    async def _answer(self, lookup: Lookup, token: PageToken | LookupResult) -> LookupResult:
        return await self._profiles.look_up(_wanted(lookup), token) if isinstance(token, PageToken) else token


def _wanted(lookup: Lookup) -> ProfileKey:
    return ProfileKey(lookup.user_id, lookup.platform, lookup.page_id, lookup.participant_id)


def _needs_reauthorization(owner: Owner) -> bool:
    return owner.owned_until is None and owner.status == "needs_reauthorization"


def _token(lookup: Lookup, owners: Sequence[tuple[Owner, int]]) -> PageToken | LookupResult:
    mine = [pair for pair in owners if pair[0].user_id == lookup.user_id and pair[0].owned_until is None]
    if not mine or not can_be_looked_up(lookup.platform) or lookup.participant_id == lookup.page_id:
        return NotFound("there is nothing to look up, or no token of this user")
    [(owner, version)] = mine
    if _needs_reauthorization(owner):
        return Deferred("the page has to be connected again", STALE_SECONDS)
    return token_of(owner, version) or NotFound("the page has no token")
