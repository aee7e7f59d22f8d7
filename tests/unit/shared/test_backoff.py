from hypothesis import given
from hypothesis import strategies as st

from shared.aio.backoff import Backoff

BACKOFF = Backoff(first_seconds=0.2, longest_seconds=2.0)


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_a_delay_stays_within_its_bounds(failures: int, jitter: float) -> None:
    assert 0.1 <= BACKOFF.delay_seconds(failures, jitter=jitter) <= 2.0


def test_delays_double_up_to_the_longest() -> None:
    assert [BACKOFF.delay_seconds(failures, jitter=1) for failures in range(1, 7)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_half_of_a_delay_is_random() -> None:
    assert [BACKOFF.delay_seconds(2, jitter=jitter) for jitter in (0, 1)] == [0.2, 0.4]
