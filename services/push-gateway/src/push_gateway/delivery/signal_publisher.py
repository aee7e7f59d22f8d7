"""Publishes typing and presence to other gateways, best effort."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import structlog

from push_gateway.metrics import Metrics
from shared.contracts import SignalSentV1, derive_id
from shared.contracts.inbox import Who
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

_MAX_PENDING = 5_000
"""Beyond this the oldest signals are dropped; what they said is announced again."""
_MAX_PER_PUBLISH = 512
_UNAVAILABLE_WAIT_SECONDS = 0.5
"""Fixed: signals lose their meaning within seconds, so a longer delay would only drop more of them."""

_Key = tuple[str, str, str]
"""User, device, conversation typed in. A newer signal replaces a pending one with the same key."""


class SignalPublisher:
    """One instance per process.

    Args:
        gateway_id: Identifies this process.
        publisher: Publishes to the broker.
        metrics: Counts signals sent and dropped.
        utc_now: The wall clock, UTC.
    """

    def __init__(
        self, gateway_id: str, publisher: Publisher, metrics: Metrics, utc_now: Callable[[], datetime]
    ) -> None:
        self.gateway_id = gateway_id
        self._publisher = publisher
        self._metrics = metrics
        self._utc_now = utc_now
        self._pending: dict[_Key, SignalSentV1] = {}
        self._has_pending = asyncio.Event()
        self._last_number = 0

    def send(
        self,
        user_id: str,
        kind: Literal["typing", "presence"],
        who: Who,
        expires_at: datetime,
        *,
        conversation_id: str | None = None,
        online: bool = True,
        viewing: str | None = None,
    ) -> None:
        """Publish a signal soon. It may be dropped or replaced by a newer one.

        Args:
            user_id: Whose devices are concerned.
            kind: What happened.
            who: The device that did it.
            expires_at: When the signal becomes meaningless, UTC.
            conversation_id: For `typing`: where.
            online: For `presence`: whether the device is online.
            viewing: For `presence`: the conversation that the device shows.
        """
        self._last_number += 1
        now = self._utc_now()
        key = (user_id, who.id, conversation_id or "")
        self._pending.pop(key, None)
        if len(self._pending) >= _MAX_PENDING:
            del self._pending[next(iter(self._pending))]
            self._metrics.signals.labels("dropped").inc()
        self._pending[key] = SignalSentV1(
            id=derive_id("signal", self.gateway_id, str(self._last_number)),
            occurred_at=now,
            received_at=now,
            user_id=user_id,
            gateway_id=self.gateway_id,
            kind=kind,
            who=who,
            conversation_id=conversation_id,
            online=online,
            viewing=viewing,
            until=expires_at,
        )
        self._has_pending.set()

    async def run(self) -> None:
        """Publish pending signals until cancelled."""
        while True:
            await self._has_pending.wait()
            keys = list(self._pending)[:_MAX_PER_PUBLISH]
            signals = [self._pending.pop(key) for key in keys]
            if not self._pending:
                self._has_pending.clear()
            try:
                await self._publisher.publish(signals)
                self._metrics.signals.labels("sent").inc(len(signals))
            except DependencyUnavailable as error:
                log.debug("signals dropped", reason=str(error), signals=len(signals))
                self._metrics.signals.labels("dropped").inc(len(signals))
                await asyncio.sleep(_UNAVAILABLE_WAIT_SECONDS)
