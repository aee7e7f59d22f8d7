from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from shared.errors import DependencyUnavailable
from store.jobs.retention import RetentionJob, Rule
from store.repository.postgres.database import Database

NOW = datetime(2026, 11, 30, tzinfo=UTC)
DATABASE = Database("postgresql://nobody@localhost/nothing", pool_size=1, command_timeout_seconds=1)
"""No rule here uses it, and nothing connects before the first statement."""


class Deletions(list[str]):
    """The rules that were applied, in order; those in `failing` find Postgres unavailable."""

    def __init__(self, failing: Sequence[str] = ()) -> None:
        super().__init__()
        self._failing = failing

    def rule(self, name: str, *, only_after: str | None = None) -> Rule:
        async def delete_batch(database: Database, *, before: datetime, limit: int) -> int:
            assert database is DATABASE
            assert (before, limit > 0) == (NOW - timedelta(days=1), True)
            self.append(name)
            if name in self._failing:
                raise DependencyUnavailable("a lock was not granted in time")
            return 0

        counter = Counter(f"{name}_deleted", "Rows", registry=None)
        return Rule(
            name=name,
            keep_for=timedelta(days=1),
            delete_batch=delete_batch,
            counter=counter,
            only_after=only_after,
        )


async def test_a_rule_that_fails_does_not_stop_the_others() -> None:
    deletions = Deletions(failing=["inbox_log"])
    rules = [deletions.rule("inbox_log"), deletions.rule("records")]

    await RetentionJob(DATABASE, rules, utc_now=lambda: NOW).run_once()

    assert deletions == ["inbox_log", "records"]


async def test_outcomes_are_kept_while_the_rule_of_their_webhooks_fails() -> None:
    deletions = Deletions(failing=["webhooks"])
    rules = [
        deletions.rule("webhooks"),
        deletions.rule("item_outcomes", only_after="webhooks"),
        deletions.rule("records"),
    ]

    await RetentionJob(DATABASE, rules, utc_now=lambda: NOW).run_once()

    assert deletions == ["webhooks", "records"]
