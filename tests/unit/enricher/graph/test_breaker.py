"""When the circuit breaker opens, and how it closes again."""

from enricher.graph.breaker import Breaker


def test_a_breaker_opens_only_after_failures_in_a_row() -> None:
    breaker = Breaker(failures_to_open=3, open_seconds=10)
    for _ in range(5):
        breaker.record_failure(0)
        breaker.record_failure(0)
        breaker.record_success()
    assert breaker.allows_call(0)

    for _ in range(3):
        breaker.record_failure(1)

    assert breaker.is_open(10.9)
    assert not breaker.allows_call(10.9)


def test_a_recovering_breaker_allows_one_trial_at_a_time_until_one_succeeds() -> None:
    breaker = Breaker(failures_to_open=1, open_seconds=10)
    breaker.record_failure(0)

    assert breaker.allows_call(10)
    assert not breaker.allows_call(10)
    breaker.record_failure(11)
    assert not breaker.allows_call(20)
    assert breaker.allows_call(21)
    breaker.record_success()
    assert breaker.allows_call(21)
    assert breaker.allows_call(21)


def test_a_trial_that_never_ends_does_not_keep_the_breaker_open() -> None:
    breaker = Breaker(failures_to_open=1, open_seconds=10)
    breaker.record_failure(0)
    assert breaker.allows_call(10)

    assert breaker.allows_call(20)
