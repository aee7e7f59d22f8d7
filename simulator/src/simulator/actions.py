"""What people do besides writing: edits, reactions, receipts, attachments, buttons, comments. Pure.

Each action has a fixed probability, and is chosen among those that are possible in a thread at the moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal

from shared.contracts import PLATFORMS, Platform
from simulator import comments, items, whatsapp
from simulator.attachments import customer_attachment, page_attachment
from simulator.bodies import PHONE_APP, Webhook
from simulator.threads import SentMessage, Thread

BuildWebhook = Callable[[Random, Thread, datetime, str], Webhook]
"""Builds a webhook from a random generator, a thread, a time and the base URL of pictures."""

_EMOJI = ("❤️", "😂", "👍", "🎉", "😮")
_STATUSES = ("sent", "delivered", "read")
_FAILURES = 0.04
_MESSENGER: tuple[Platform, ...] = ("facebook", "instagram")


@dataclass(frozen=True)
class _Action:
    share: float
    """Its probability when it is possible."""
    build: BuildWebhook
    needs: Literal["nothing", "incoming", "outgoing", "reacted", "phone"] = "nothing"
    platforms: tuple[Platform, ...] = PLATFORMS

    def is_possible(self, thread: Thread) -> bool:
        if thread.customer.platform not in self.platforms:
            return False
        if self.needs == "phone":
            return not thread.hides_phone and thread.events > 1
        return self.needs == "nothing" or bool(getattr(thread, self.needs))


def choose_action(rng: Random, thread: Thread) -> BuildWebhook | None:
    """Return an action that replaces the next line of the conversation, or None."""
    draw = rng.random()
    for each in _ACTIONS:
        if each.is_possible(thread):
            draw -= each.share
            if draw < 0:
                return each.build
    return None


def _receipt(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    message = thread.outgoing[-1]
    if thread.customer.platform == "whatsapp":
        return _status(rng, thread, message, at)
    if thread.customer.platform == "instagram":
        return thread.webhook(items.read_message(*thread.ids, at=at, message_id=message.message_id), at)
    if rng.getrandbits(1):
        return thread.webhook(items.read_up_to(*thread.ids, at=at, watermark=at), at)
    mids = [message.message_id] if rng.getrandbits(1) else []
    return thread.webhook(items.delivery(*thread.ids, at=at, watermark=at, message_ids=mids), at)


def _status(rng: Random, thread: Thread, message: SentMessage, at: datetime) -> Webhook:
    state = "failed" if rng.random() < _FAILURES else _STATUSES[min(message.statuses, len(_STATUSES) - 1)]
    message.statuses += 1
    return thread.change(
        whatsapp.status(thread.page, thread.contact, at=at, message_id=message.message_id, state=state), at
    )


def _reaction(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    return _react(thread, at, thread.outgoing[-1].message_id, rng.choice(_EMOJI), by_page=False)


def _reaction_of_page(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    return _react(thread, at, thread.incoming[-1].message_id, rng.choice(_EMOJI), by_page=True)


def _reaction_taken_back(_: Random, thread: Thread, at: datetime, __: str) -> Webhook:
    target, by_page = thread.reacted.pop()
    return _react(thread, at, target, None, by_page=by_page)


def _react(thread: Thread, at: datetime, target: str, emoji: str | None, *, by_page: bool) -> Webhook:
    if emoji is not None:
        thread.reacted.append((target, by_page))
    if thread.customer.platform != "whatsapp":
        return thread.webhook(items.reaction(*thread.ids, at=at, message_id=target, emoji=emoji, by_page=by_page), at)
    page, contact, message_id = thread.page, thread.contact, thread.new_message_id(at)
    if by_page:
        content = {"message_id": target, "emoji": emoji or ""}
        value = whatsapp.echo(page, contact, at=at, message_id=message_id, kind="reaction", content=content)
        return thread.change(value, at, field_name=PHONE_APP)
    value = whatsapp.reaction(page, contact, at=at, message_id=message_id, reacted_to=target, emoji=emoji)
    return thread.change(value, at)


def _edit(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    return _edited(rng, thread, thread.incoming[-1], at, by_page=False)


def _edit_of_page(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    return _edited(rng, thread, thread.outgoing[-1], at, by_page=True)


def _edited(rng: Random, thread: Thread, message: SentMessage, at: datetime, *, by_page: bool) -> Webhook:
    message.edits += 1
    content, target = _random_line(rng, thread, "page" if by_page else "customer"), message.message_id
    if thread.customer.platform != "whatsapp":
        item = items.edit(*thread.ids, at=at, message_id=target, content=content, number=message.edits, by_page=by_page)
        return thread.webhook(item, at)
    build = whatsapp.echoed_edit if by_page else whatsapp.edit
    value = build(
        thread.page, thread.contact, at=at, message_id=thread.new_message_id(at), original=target, content=content
    )
    return thread.change(value, at, field_name=PHONE_APP if by_page else "messages")


def _edit_without_text(_: Random, thread: Thread, at: datetime, __: str) -> Webhook:
    target = thread.incoming[-1].message_id
    return thread.webhook(items.edit(*thread.ids, at=at, message_id=target, content=None, number=0), at)


def _unsend(_: Random, thread: Thread, at: datetime, __: str) -> Webhook:
    return _unsent(thread, thread.incoming.pop().message_id, at, by_page=False)


def _unsend_of_page(_: Random, thread: Thread, at: datetime, __: str) -> Webhook:
    return _unsent(thread, thread.outgoing.pop().message_id, at, by_page=True)


def _unsent(thread: Thread, target: str, at: datetime, *, by_page: bool) -> Webhook:
    if thread.customer.platform != "whatsapp":
        return thread.webhook(items.unsend(*thread.ids, at=at, message_id=target, by_page=by_page), at)
    page, contact, message_id = thread.page, thread.contact, thread.new_message_id(at)
    if by_page:
        content = {"original_message_id": target}
        value = whatsapp.echo(page, contact, at=at, message_id=message_id, kind="revoke", content=content)
        return thread.change(value, at, field_name=PHONE_APP)
    return thread.change(whatsapp.revoke(page, contact, at=at, message_id=message_id, original=target), at)


def _attachment(rng: Random, thread: Thread, at: datetime, media_url: str) -> Webhook:
    message_id = _new_customer_message(thread, at)
    return customer_attachment(rng, thread, at, message_id, media_url)


def _attachment_of_page(rng: Random, thread: Thread, at: datetime, media_url: str) -> Webhook:
    message_id = thread.new_message_id(at)
    thread.outgoing.append(SentMessage(message_id))
    return page_attachment(rng, thread, at, message_id, media_url)


def _button(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    """A quick reply, or its equivalent on WhatsApp."""
    message_id, title = _new_customer_message(thread, at), rng.choice(("Yes, please", "Not today", "Tell me more"))
    payload = title.upper().replace(" ", "_")
    if thread.customer.platform != "whatsapp":
        item = items.quick_reply(*thread.ids, at=at, message_id=message_id, content=title, payload=payload)
        return thread.webhook(item, at)
    kind = "button"
    content: whatsapp.Value = {"payload": payload, "text": title}
    if rng.getrandbits(1):
        reply_kind = rng.choice(("button_reply", "list_reply"))
        kind, content = "interactive", {"type": reply_kind, reply_kind: {"id": payload, "title": title}}
    context = {"from": thread.page.display_phone_number, "id": thread.outgoing[-1].message_id}
    value = whatsapp.message(
        thread.page, thread.contact, at=at, message_id=message_id, kind=kind, content=content, context=context
    )
    return thread.change(value, at)


def _postback(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    title = rng.choice(("Get started", "Opening hours", "Talk to a person"))
    payload, message_id = title.upper().replace(" ", "_"), thread.new_message_id(at)
    return thread.webhook(items.postback(*thread.ids, at=at, message_id=message_id, title=title, payload=payload), at)


def _reply(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    target, content = thread.outgoing[-1].message_id, _random_line(rng, thread, "customer")
    message_id = _new_customer_message(thread, at)
    if thread.customer.platform != "whatsapp":
        return thread.webhook(
            items.reply(*thread.ids, at=at, message_id=message_id, content=content, replied_to=target), at
        )
    context = {"from": thread.page.display_phone_number, "id": target}
    value = whatsapp.message(
        thread.page,
        thread.contact,
        at=at,
        message_id=message_id,
        kind="text",
        content={"body": content},
        context=context,
    )
    return thread.change(value, at)


def _story_reply(rng: Random, thread: Thread, at: datetime, media_url: str) -> Webhook:
    story = str(rng.randrange(10**16, 10**17))
    item = items.story_reply(
        *thread.ids,
        at=at,
        message_id=_new_customer_message(thread, at),
        content=rng.choice(_EMOJI),
        story_id=story,
        story_url=f"{media_url}/media/{story}.svg",
    )
    return thread.webhook(item, at)


def _referred(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    content, ad_id = _random_line(rng, thread, "customer"), str(rng.randrange(10**14, 10**15))
    message_id = _new_customer_message(thread, at)
    if thread.customer.platform != "whatsapp":
        item = items.referred(*thread.ids, at=at, message_id=message_id, content=content, ad_id=ad_id)
        return thread.webhook(item, at)
    referral = {
        "source_type": "ad",
        "source_id": ad_id,
        "source_url": "https://ads.example/1",
        "headline": "Open again",
    }
    value = whatsapp.message(
        thread.page,
        thread.contact,
        at=at,
        message_id=message_id,
        kind="text",
        content={"body": content},
        referral=referral,
    )
    return thread.change(value, at)


def _comment(rng: Random, thread: Thread, at: datetime, _: str) -> Webhook:
    customer, content = thread.customer, _random_line(rng, thread, "customer")
    value = comments.comment(thread.page, customer.customer_id, customer.username, at=at, content=content)
    return thread.change(value, at, field_name=comments.FIELDS[customer.platform])


def _phone_hidden(rng: Random, thread: Thread, at: datetime, media_url: str) -> Webhook:
    """The customer takes a username: WhatsApp no longer reveals their number, only the user ID."""
    thread.hides_phone = True
    return _attachment(rng, thread, at, media_url)


def _new_customer_message(thread: Thread, at: datetime) -> str:
    message_id = thread.new_message_id(at)
    thread.incoming.append(SentMessage(message_id))
    return message_id


def _random_line(rng: Random, thread: Thread, speaker: str) -> str:
    conversation = rng.choice(thread.customer.language.conversations)
    return next((text for who, text in conversation if who == speaker), conversation[0][1])


_ACTIONS = (
    _Action(0.22, _receipt, "outgoing"),
    _Action(0.05, _reaction, "outgoing"),
    _Action(0.02, _reaction_of_page, "incoming"),
    _Action(0.05, _reaction_taken_back, "reacted"),
    _Action(0.03, _edit, "incoming", ("facebook", "whatsapp")),
    _Action(0.02, _edit_of_page, "outgoing", ("facebook", "whatsapp")),
    _Action(0.02, _edit_without_text, "incoming", ("instagram",)),
    _Action(0.02, _unsend, "incoming"),
    _Action(0.01, _unsend_of_page, "outgoing"),
    _Action(0.08, _attachment),
    _Action(0.02, _attachment_of_page),
    _Action(0.03, _button, "outgoing"),
    _Action(0.02, _postback, platforms=_MESSENGER),
    _Action(0.04, _reply, "outgoing"),
    _Action(0.02, _story_reply, platforms=("instagram",)),
    _Action(0.01, _referred),
    _Action(0.02, _comment, platforms=_MESSENGER),
    _Action(0.01, _phone_hidden, "phone", ("whatsapp",)),
)
