"""What happens at made-up customers' ends: a pure, endless sequence of webhooks and the pauses between them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from simulator import bodies, items, whatsapp
from simulator.bodies import Webhook
from simulator.customers import Customer
from simulator.vocabulary import Conversation

_STAY_SHARE = 0.6
"""How often one of the conversations that are under way goes on, rather than any."""
_UNDER_WAY = 4
_EMOJI = ("❤️", "😂", "👍", "🎉", "😮")


@dataclass(frozen=True)
class Step:
    """One webhook, `after_seconds` after the one before it."""

    after_seconds: float
    webhook: Webhook


@dataclass
class _Thread:
    """How far a customer's conversation has come."""

    customer: Customer
    lines: deque[tuple[str, str]] = field(default_factory=deque)
    events: int = 0
    last_incoming: str | None = None
    """Message id of what the customer wrote last, until it was edited or unsent."""
    last_outgoing: str | None = None
    """Message id of what the page wrote last, until it was read or reacted to."""


def play(
    rng: Random,
    customers: Sequence[Customer],
    *,
    start: datetime,
    per_second: float,
    only_texts: bool = False,
    media_url: str | None = None,
) -> Iterator[Step]:
    """Yield what happens, for ever; the same for the same arguments.

    Args:
        rng: decides everything; pauses are exponential, as those of independent people are.
        customers: who writes, at least one.
        start: time of the beginning; a body bears the time at which its step is due.
        per_second: webhooks a second, on average.
        only_texts: customers' text messages and nothing else, so that a webhook is exactly one new message.
        media_url: where the simulated Graph API is reached; without it there are no pictures.
    """
    threads = [_Thread(customer) for customer in customers]
    under_way: deque[_Thread] = deque(maxlen=_UNDER_WAY)
    at = start
    while True:
        pause = rng.expovariate(per_second)
        at += timedelta(seconds=pause)
        thread = rng.choice(under_way if under_way and rng.random() < _STAY_SHARE else threads)
        under_way.append(thread)
        thread.events += 1
        extra = None if only_texts else _extra(rng.random(), thread, media_url)
        webhook = _line(rng, thread, at, only_texts=only_texts) if extra is None else extra(rng, thread, at)
        yield Step(pause, webhook)


def _new_message_id(thread: _Thread, at: datetime) -> str:
    customer = thread.customer
    # The time keeps two runs with the same seed apart: their messages are different messages.
    return bodies.message_id(
        customer.platform, customer.page.page_id, customer.customer_id, at.isoformat(), str(thread.events)
    )


def _line(rng: Random, thread: _Thread, at: datetime, *, only_texts: bool) -> Webhook:
    if not thread.lines:
        conversation: Conversation = rng.choice(thread.customer.language.conversations)
        thread.lines.extend(line for line in conversation if line[0] == "customer" or not only_texts)
    speaker, content = thread.lines.popleft()
    customer, message_id = thread.customer, _new_message_id(thread, at)
    if speaker == "page":
        thread.last_outgoing = message_id
        return bodies.echo(customer.page, customer.customer_id, at=at, message_id=message_id, content=content)
    thread.last_incoming = message_id
    return bodies.text_message(
        customer.page, customer.customer_id, customer.name, at=at, message_id=message_id, content=content
    )


_Extra = Callable[[Random, _Thread, datetime], Webhook]


def _extra(draw: float, thread: _Thread, media_url: str | None) -> _Extra | None:
    """Return what happens instead of the next line, if anything; `draw` is a random number from 0 to 1."""
    platform = thread.customer.platform
    chances: list[tuple[float, _Extra]] = []
    if thread.last_outgoing is not None:
        chances += [(0.25, _receipt), (0.06, _reaction)]
    if thread.last_incoming is not None and platform == "facebook":
        chances.append((0.03, _edit))
    if thread.last_incoming is not None and platform != "whatsapp":
        chances.append((0.02, _unsend))
    if media_url is not None and platform != "whatsapp":
        chances.append((0.05, lambda rng, thread, at: _picture(rng, thread, at, media_url)))
    for share, extra in chances:
        draw -= share
        if draw < 0:
            return extra
    return None


def _receipt(rng: Random, thread: _Thread, at: datetime) -> Webhook:
    customer, page = thread.customer, thread.customer.page
    message_id = thread.last_outgoing or ""
    is_read = rng.random() < 0.5  # noqa: PLR2004 - a coin
    if is_read:
        thread.last_outgoing = None
    if page.platform == "whatsapp":
        state = "read" if is_read else "delivered"
        value = whatsapp.status(page, customer.customer_id, at=at, message_id=message_id, state=state)
        return bodies.changes(page, value, at=at)
    if page.platform == "instagram":
        thread.last_outgoing = None
        item = items.read_message(page.page_id, customer.customer_id, at=at, message_id=message_id)
    elif is_read:
        item = items.read_up_to(page.page_id, customer.customer_id, at=at, watermark=at)
    else:
        item = items.delivery(page.page_id, customer.customer_id, at=at, watermark=at, message_ids=[message_id])
    return bodies.messaging(page, item, at=at)


def _reaction(rng: Random, thread: _Thread, at: datetime) -> Webhook:
    customer, page = thread.customer, thread.customer.page
    target, emoji = thread.last_outgoing or "", rng.choice(_EMOJI)
    if page.platform == "whatsapp":
        value = whatsapp.reaction(
            page,
            customer.customer_id,
            customer.name,
            at=at,
            message_id=_new_message_id(thread, at),
            reacted_to=target,
            emoji=emoji,
        )
        return bodies.changes(page, value, at=at)
    item = items.reaction(page.page_id, customer.customer_id, at=at, message_id=target, emoji=emoji)
    return bodies.messaging(page, item, at=at)


def _edit(rng: Random, thread: _Thread, at: datetime) -> Webhook:
    customer, page = thread.customer, thread.customer.page
    conversation = rng.choice(customer.language.conversations)
    content = next(text for speaker, text in conversation if speaker == "customer")
    item = items.edit(
        page.page_id, customer.customer_id, at=at, message_id=thread.last_incoming or "", content=content, number=1
    )
    thread.last_incoming = None
    return bodies.messaging(page, item, at=at)


def _unsend(_: Random, thread: _Thread, at: datetime) -> Webhook:
    customer, page = thread.customer, thread.customer.page
    item = items.unsend(page.page_id, customer.customer_id, at=at, message_id=thread.last_incoming or "")
    thread.last_incoming = None
    return bodies.messaging(page, item, at=at)


def _picture(rng: Random, thread: _Thread, at: datetime, media_url: str) -> Webhook:
    customer, page = thread.customer, thread.customer.page
    message_id = _new_message_id(thread, at)
    payload = {"url": f"{media_url}/media/{rng.randrange(1_000_000)}.svg"}
    item = items.attachment(
        page.page_id, customer.customer_id, at=at, message_id=message_id, kind="image", payload=payload
    )
    return bodies.messaging(page, item, at=at)
