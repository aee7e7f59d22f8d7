"""Deletes rows that have been kept for long enough."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from prometheus_client import Counter

from shared.aio.background import bugs_caught
from shared.errors import SwitchboardError
from store.metrics import Metrics
from store.repository import audit, retention, unclaimed
from store.repository.inbox import event_log
from store.repository.postgres.database import Database
from store.settings import Settings

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 60.0
_ROWS_PER_BATCH = 2_000
_BATCHES_PER_RUN = 100
_OUTCOMES_OUTLIVE_WEBHOOKS = timedelta(days=1)
"""Outcomes are deleted after their webhooks: a webhook without its outcomes would count as unaccounted."""


class DeleteBatch(Protocol):
    """Deletes up to `limit` rows older than `before`, oldest first, and returns how many it deleted."""

    async def __call__(self, database: Database, *, before: datetime, limit: int) -> int:
        """Delete one batch in a transaction."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How long one kind of row is kept."""

    name: str
    keep_for: timedelta | None
    """None: forever."""
    delete_batch: DeleteBatch
    counter: Counter
    """Counts deleted rows."""
    only_after: str | None = None
    """Applies only after the rule of this name has nothing left to delete."""


def retention_rules(settings: Settings, metrics: Metrics) -> Sequence[Rule]:
    """Return what is kept for how long, in the order of deletion."""

    def rows(name: str, keep_for: timedelta | None, *, only_after: str | None = None) -> Rule:
        return Rule(
            name=name,
            keep_for=keep_for,
            delete_batch=partial(retention.prune, name),
            counter=metrics.pruned.labels(name),
            only_after=only_after,
        )

    ledger = timedelta(days=settings.ledger_retention_days)
    return (
        Rule(
            name="waiting_webhooks",
            keep_for=timedelta(days=settings.waiting_days),
            delete_batch=unclaimed.expire,
            counter=metrics.waiting_dropped.labels("age"),
        ),
        Rule(
            name="inbox_log",
            keep_for=timedelta(days=settings.log_retention_days),
            delete_batch=event_log.prune,
            counter=metrics.pruned.labels("inbox_log"),
        ),
        Rule(
            name="waiting_annotations",
            keep_for=timedelta(days=settings.waiting_fact_days),
            delete_batch=retention.expire_pending_annotations,
            counter=metrics.pruned.labels("waiting_annotations"),
        ),
        rows("webhooks", ledger),
        rows("item_outcomes", ledger + _OUTCOMES_OUTLIVE_WEBHOOKS, only_after="webhooks"),
        rows("raw_items", _unless_zero(settings.raw_retention_days)),
        rows("replayed_items", _unless_zero(settings.replayed_retention_days)),
        rows("parked_items", _unless_zero(settings.parked_retention_days)),
        rows("erased_identities", timedelta(days=settings.erasure_memory_days)),
        rows("token_mints", _unless_zero(settings.mint_retention_days)),
        rows("revoked_tokens", timedelta(0)),
        rows("records", _unless_zero(settings.record_retention_days)),
        Rule(
            name="audit_log",
            keep_for=timedelta(days=settings.audit_retention_days),
            delete_batch=audit.prune,
            counter=metrics.pruned.labels("audit_log"),
        ),
    )


def _unless_zero(days: float) -> timedelta | None:
    return timedelta(days=days) if days else None


class RetentionJob:
    """Applies retention rules once per minute, in bounded batches."""

    def __init__(self, database: Database, rules: Sequence[Rule], *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._rules = rules
        self._utc_now = utc_now

    async def run(self) -> None:
        """Apply the rules once per minute, until cancelled."""
        while True:
            await self.run_once()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def run_once(self) -> None:
        """Apply every rule once. What fails, or exceeds the limit of one run, is left to the next."""
        unfinished: set[str] = set()
        for rule in self._rules:
            if rule.only_after in unfinished:
                continue
            is_finished = False
            try:
                with bugs_caught("retention", rule=rule.name):
                    is_finished = await self._apply(rule)
            except SwitchboardError as error:
                log.info("retention rule failed; will retry", rule=rule.name, reason=str(error))
            if not is_finished:
                unfinished.add(rule.name)

    async def _apply(self, rule: Rule) -> bool:
        """Return whether no expired rows are left."""
        if rule.keep_for is None:
            return True
        before = self._utc_now() - rule.keep_for
        for _ in range(_BATCHES_PER_RUN):
            deleted = await rule.delete_batch(self._database, before=before, limit=_ROWS_PER_BATCH)
            rule.counter.inc(deleted)
            if deleted < _ROWS_PER_BATCH:
                return True
        log.info("expired rows left for the next retention run", rule=rule.name)
        return False
