"""Which users' tokens are no longer accepted: the set in memory, its check, and how it is kept current.

No request asks the database. Every process has the whole set, which is small: the store removes what no valid token
can match any more, and refuses to let it grow beyond a limit. An event tells about a new revocation at once; what the
broker loses is noticed when the set is read again, `REFRESH_SECONDS` later.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import structlog

from shared.aio.background import BackgroundTasks
from shared.contracts import AnyEvent, TokensRevokedV1
from shared.contracts.internal import RevocationsResponse, RevokedTokens
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Broker
from shared.messaging.topology import SubscriptionQueue
from shared.security.user_tokens import InvalidUserToken, UserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 10.0
_SHARD = 0
"""Revocations are rare and need no order by user: all of them use this shard."""
_Key = tuple[str, str | None]


class Revocations:
    """The revocations of all users. Pure: neither a clock nor I/O."""

    def __init__(self) -> None:
        self.version = ""
        self._not_before: dict[_Key, datetime] = {}
        self._received: dict[_Key, tuple[RevokedTokens, int]] = {}
        self._reads = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._not_before)

    def is_revoked(self, token: UserToken) -> bool:
        """Return whether `token` was revoked, by its ID or because it is too old.

        A token that does not say when it was issued counts as older than every revocation.
        """
        not_before = self._not_before.get((token.user_id, None))
        if not_before is not None and (token.issued_at is None or token.issued_at < not_before):
            return True
        return token.token_id is not None and (token.user_id, token.token_id) in self._not_before

    def add(self, revoked: RevokedTokens) -> None:
        """Add a revocation that an event tells about."""
        self._received[revoked.user_id, revoked.token_id] = (revoked, self._reads)
        self._put(revoked)

    def begin_read(self) -> int:
        """Note that the set is being read; return the number of this read for `replace`."""
        self._reads += 1
        return self._reads

    def replace(self, version: str, revoked: Iterable[RevokedTokens], *, read: int) -> None:
        """Take the set that was read. What was added since that read began may be missing there, and stays."""
        self._received = {key: (one, at) for key, (one, at) in self._received.items() if at >= read}
        self.version = version
        self._not_before = {}
        for one in [*revoked, *(one for one, _ in self._received.values())]:
            self._put(one)

    def _put(self, revoked: RevokedTokens) -> None:
        key = (revoked.user_id, revoked.token_id)
        known = self._not_before.get(key)
        self._not_before[key] = revoked.not_before if known is None else max(known, revoked.not_before)


class RevocationVerifier:
    """A `UserTokenVerifier` that refuses revoked tokens as well."""

    def __init__(self, verifier: UserTokenVerifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self._revocations = revocations

    async def verify(self, token: str) -> UserToken:
        """See `UserTokenVerifier`."""
        verified = await self._verifier.verify(token)
        if self._revocations.is_revoked(verified):
            raise InvalidUserToken("it was revoked, sign in again")
        return verified


class RevocationFeed:
    """Keeps `revocations` current.

    While neither the store nor the broker can be reached, the last known set applies. No request gets an answer from
    the store then either.

    Args:
        revocations: what to keep current.
        read: returns the whole set from the store, or that a version is current.
        on_changed: called after revocations were added or read.
    """

    def __init__(
        self,
        revocations: Revocations,
        read: Callable[[str], Awaitable[RevocationsResponse]],
        *,
        on_changed: Callable[[], None] = lambda: None,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._revocations = revocations
        self._read = read
        self._on_changed = on_changed
        self._refresh_seconds = refresh_seconds
        self._is_due = asyncio.Event()

    @asynccontextmanager
    async def running(
        self, broker: Broker, queue: SubscriptionQueue, background: BackgroundTasks
    ) -> AsyncIterator[None]:
        """Listen to the broker and read the set now and then, while the context lasts."""
        async with broker.subscribe(queue, self.on_events, on_gap=self._is_due.set) as subscription:

            async def bind() -> None:
                # If the broker is unavailable, the shard is bound later, and `on_gap` then causes a read.
                with suppress(DependencyUnavailable):
                    await subscription.bind(_SHARD)
                await asyncio.Event().wait()

            async with background.run({"news of revoked tokens": bind, "reading revoked tokens": self.run}):
                yield

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        """Add the revocations that events tell about."""
        for event in events:
            if isinstance(event, TokensRevokedV1):
                self._revocations.add(
                    RevokedTokens(user_id=event.user_id, token_id=event.token_id, not_before=event.not_before)
                )
        self._on_changed()

    async def run(self) -> None:
        """Read the set at every interval and when it may be outdated, until cancelled."""
        while True:
            self._is_due.clear()
            try:
                await self.refresh()
            except DependencyUnavailable as error:
                log.warning("revoked tokens not read; the known ones still apply", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._refresh_seconds):
                    await self._is_due.wait()

    async def refresh(self) -> None:
        """Read the set once.

        Raises:
            DependencyUnavailable: the store cannot be reached.
        """
        number = self._revocations.begin_read()
        response = await self._read(self._revocations.version)
        if response.revoked is not None:
            self._revocations.replace(response.version, response.revoked, read=number)
            self._on_changed()
