from hypothesis import given
from hypothesis import strategies as st

from push_gateway.core import TokenBucket

STEPS = st.lists(st.floats(0.0, 3.0), max_size=60)


@given(STEPS, st.floats(0.1, 20.0), st.integers(1, 10))
def test_a_bucket_never_exceeds_its_burst_and_its_rate(pauses: list[float], per_second: float, burst: int) -> None:
    bucket, now, taken = TokenBucket(per_second=per_second, burst=burst, now=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(1, now)
        assert taken <= burst + now * per_second + 1e-6


@given(STEPS)
def test_whoever_keeps_to_the_rate_is_never_refused(pauses: list[float]) -> None:
    bucket, now = TokenBucket(per_second=2.0, burst=1, now=0.0), 0.0
    for pause in pauses:
        now += 0.51 + pause
        assert bucket.take(1, now)


def test_a_clock_that_stands_still_refills_nothing() -> None:
    bucket = TokenBucket(per_second=1.0, burst=2, now=5.0)
    assert [bucket.take(1, 5.0) for _ in range(3)] == [True, True, False]
    assert not bucket.take(1, 4.0)
    assert bucket.take(1, 6.0)
