"""The ledger balances after any steps, in any order and repetition."""

from itertools import count
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import (
    EditItem,
    InboxEnrichedV1,
    PageItems,
    RawItem,
    ReactionItem,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    conversation_id,
    derive_id,
)
from store.core.ledger import AccountLedger
from store.repository import parked
from store.repository.ledger import reports
from tests.builders import message_item, webhook_received
from tests.integration.store.parts import Parts, at, now
from tests.integration.store.test_ledger import parked_item, split, unclaimed_item

pytestmark = pytest.mark.postgres

WEBHOOKS, ITEMS = 2, 2
Step = Literal["split", "arrive", "unclaimed", "park", "park whole", "replay", "release"]
_steps = st.tuples(
    st.sampled_from(["split", "arrive", "unclaimed", "park", "park whole", "replay", "release"]),
    st.integers(0, WEBHOOKS - 1),
    st.integers(0, ITEMS - 1),
)
_says = st.sampled_from(["message", "edit", "reaction", "raw", "nothing"])
_numbers = count(1)


class History:
    """A few items of a few webhooks of one page, and the steps applied to them."""

    def __init__(self, parts: Parts, says: list[str]) -> None:
        self.parts = parts
        self.page = f"page-{next(_numbers)}"
        self.items = [
            self._event(webhook, index, says[webhook * ITEMS + index])
            for webhook in range(WEBHOOKS)
            for index in range(ITEMS)
        ]
        self.parked_ids: set[str] = set()

    def webhook_id(self, webhook: int) -> str:
        return derive_id("webhook", self.page, str(webhook))

    def _event(self, webhook: int, index: int, says: str) -> InboxEnrichedV1:
        items: dict[str, Any] = {
            "message": message_item(message_id="m", created_at=at(0)),
            "edit": EditItem(message_id="m", revision=1, edited_at=at(1), content="new"),
            "reaction": ReactionItem(message_id="m", actor_id="person-1", emoji="x", reacted_at=at(2)),
            "raw": RawItem(label="messaging.other", body=msgspec.Raw(b"{}")),
            "nothing": EditItem(message_id="m", revision=0, edited_at=at(1), content=None),
        }
        return InboxEnrichedV1(
            id=derive_id("item", self.page, says),
            occurred_at=at(0),
            received_at=now(),
            webhook_id=self.webhook_id(webhook),
            item_index=index,
            user_id=f"user of {self.page}",
            platform="facebook",
            page_id=self.page,
            participant_id="person-1",
            conversation_id=conversation_id("facebook", f"user of {self.page}", "person-1"),
            item=items[says],
        )

    def manifest(self, webhook: int) -> WebhookSplitV1:
        pages = (PageItems(platform="facebook", page_id=self.page, items=ITEMS),)
        return split(self.webhook_id(webhook), pages=pages)

    def unclaimed(self, event: InboxEnrichedV1) -> WebhookUnclaimedV1:
        return unclaimed_item(event.webhook_id, event.item_index, content=event.id, page_id=self.page)

    async def step(self, step: Step, webhook: int, index: int) -> None:
        event = self.items[webhook * ITEMS + index]
        match step:
            case "split":
                await self.parts.records([self.manifest(webhook)])
            case "arrive":
                await self.parts.inbox([event])
            case "unclaimed":
                await self.parts.records([self.unclaimed(event)])
            case "park":
                await self._park(parked_item(event))
            case "park whole":
                await self._park(parked_item(webhook_received(id=self.webhook_id(webhook), received_at=now())))
            case "replay" if self.parked_ids:
                await parked.mark_replayed(self.parts.database, [min(self.parked_ids)], now=now())
            case "release":
                await self.parts.execute(
                    "UPDATE waiting_webhooks SET release_version = 1 WHERE page_id = :page", page=self.page
                )
                await self.parts.releaser.run_once()

    async def _park(self, item: Any) -> None:
        self.parked_ids.add(item.id)
        await self.parts.records([item])

    async def books(self) -> list[AccountLedger]:
        mine = {self.page, ""}
        return [a for a in await reports.ledger(self.parts.database) if a.page_id in mine]


@given(st.lists(_says, min_size=WEBHOOKS * ITEMS, max_size=WEBHOOKS * ITEMS), st.lists(_steps, max_size=14))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_item_is_counted_once_through_any_history(
    parts: Parts, says: list[str], steps: list[tuple[Step, int, int]]
) -> None:
    await parts.execute("DELETE FROM webhooks")
    history = History(parts, says)
    ended = 0
    for step in steps:
        await history.step(*step)
        for account in await history.books():
            assert account.received == account.accounted + account.unaccounted, (step, account)
            assert account.received <= WEBHOOKS * ITEMS
            if account.page_id == history.page:
                now_ended = account.stored + account.duplicate + sum(account.ignored.values())
                assert now_ended >= ended, "an end is the end"
                ended = now_ended

    for webhook in range(WEBHOOKS):
        await history.step("split", webhook, 0)
    for webhook in range(WEBHOOKS):
        for index in range(ITEMS):
            await history.step("arrive", webhook, index)
    [account] = await history.books()
    assert (account.received, account.unaccounted, account.parked) == (WEBHOOKS * ITEMS, 0, 0)
    has_message = "message" in says
    about = sum(one in ("edit", "reaction") for one in says)
    assert account.waiting <= (0 if has_message else about)
    assert account.ignored.get("messaging.other", 0) <= 1, "the same item of another webhook is a duplicate"
