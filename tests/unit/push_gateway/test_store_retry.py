from push_gateway.delivery.store_retry import StoreRetry
from shared.aio.backoff import Backoff
from shared.errors import DependencyUnavailable
from shared.store_client.errors import StoreRefused

FAST_RETRY = StoreRetry(
    backoff=Backoff(first_seconds=0.1, longest_seconds=0.3), refused_seconds=1.0, jitter=lambda: 1.0
)
"""For other tests: they need not wait long for a retry."""


def test_delays_grow_during_an_outage_and_are_constant_after_a_refusal() -> None:
    unavailable, refused = DependencyUnavailable("unavailable"), StoreRefused("change the token", status=401)

    assert [FAST_RETRY.delay_seconds(unavailable, failures) for failures in (1, 2, 3, 9)] == [0.1, 0.2, 0.3, 0.3]
    assert [FAST_RETRY.delay_seconds(refused, failures) for failures in (1, 9)] == [1.0, 1.0]
