"""The media route refuses revoked tokens, whether the broker tells of them or only the store knows."""

import asyncio
from datetime import UTC, datetime, timedelta

from shared.contracts.internal import RevokedTokens
from tests.builders import tokens_revoked
from tests.integration.enricher.media_harness import MediaHarness, as_user, problem_type, running_media

LATER = timedelta(hours=1)


async def until_refused(media: MediaHarness) -> None:
    """Request with a token that is valid otherwise, until it is refused."""
    async with asyncio.timeout(30):
        while (response := await media.get()).status_code == 200:  # noqa: ASYNC110 - nothing tells when a process knows
            await asyncio.sleep(0.05)
    assert (response.status_code, problem_type(response)) == (401, "unauthorized")


async def test_an_event_ends_the_access_to_media_of_one_user() -> None:
    async with running_media() as media:
        assert (await media.get()).status_code == 200
        revoked = tokens_revoked(user_id="user-1", token_id=None, not_before=datetime.now(UTC) + LATER)
        await media.enricher.broker.publish([revoked])
        await until_refused(media)
        assert (await media.browser.get(media.url(), headers=as_user("user-2"))).status_code == 404


async def test_media_notice_what_only_the_store_knows() -> None:
    async with running_media() as media:
        media.enricher.store.revoked.append(RevokedTokens(user_id="user-1", not_before=datetime.now(UTC) + LATER))
        await until_refused(media)
