from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.internal import RevokedTokens
from shared.revocation import Revocations
from shared.security.user_tokens import UserToken

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
SECOND = timedelta(seconds=1)
users = st.sampled_from(["alice", "bob"])
token_ids = st.sampled_from(["t-1", "t-2"]) | st.none()
times = st.integers(-2, 2).map(lambda seconds: NOON + seconds * SECOND)
revoked_tokens = st.builds(RevokedTokens, user_id=users, token_id=token_ids, not_before=times)
user_tokens = st.builds(
    UserToken, users, st.just(LATER), token_id=token_ids, issued_at=times | st.none(), name=st.none()
)


@given(st.lists(revoked_tokens, max_size=6), user_tokens, st.integers(0, 6))
def test_a_token_is_refused_if_and_only_if_a_revocation_names_it_or_is_younger(
    all_revoked: list[RevokedTokens], token: UserToken, split: int
) -> None:
    revocations = Revocations()
    revocations.replace("v", all_revoked[:split], read=revocations.begin_read())
    for one in all_revoked[split:]:
        revocations.add(one)

    expected = any(
        one.user_id == token.user_id
        and (
            (one.token_id is None and (token.issued_at is None or token.issued_at < one.not_before))
            or (one.token_id is not None and one.token_id == token.token_id)
        )
        for one in all_revoked
    )
    assert revocations.is_revoked(token) is expected


def test_a_read_that_began_before_an_event_does_not_undo_it_and_the_next_one_decides() -> None:
    revocations = Revocations()
    token = UserToken("alice", LATER, issued_at=NOON)
    number = revocations.begin_read()
    revocations.add(RevokedTokens(user_id="alice", not_before=NOON + SECOND))
    revocations.replace("v1", [], read=number)
    assert revocations.is_revoked(token)

    revocations.replace("v2", [], read=revocations.begin_read())
    assert not revocations.is_revoked(token)


@pytest.mark.parametrize("issued_at", [NOON + SECOND, NOON + timedelta(microseconds=1), NOON])
def test_a_token_that_is_issued_right_after_the_revocation_is_valid(issued_at: datetime) -> None:
    revocations = Revocations()
    revocations.add(RevokedTokens(user_id="alice", not_before=NOON))

    assert not revocations.is_revoked(UserToken("alice", LATER, issued_at=issued_at))
