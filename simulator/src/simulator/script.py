"""The script of simulated customers: an endless, pure sequence of webhooks and the delays between them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from simulator import whatsapp
from simulator.actions import choose_action
from simulator.bodies import PHONE_APP, Webhook, echo, text_message
from simulator.customers import Customer
from simulator.languages import Conversation
from simulator.threads import SentMessage, Thread

_STAY_SHARE = 0.6
"""How often an active conversation continues, instead of a random one."""
_ACTIVE_THREADS = 4

Kinds = Literal["all", "text"]
"""`all`: everything people do. `text`: only customers' texts, so that every webhook is exactly one new message."""
_DEFAULT_MEDIA_URL = "https://cdn.example"


@dataclass(frozen=True)
class ScheduledWebhook:
    """A webhook that is due `delay_seconds` after the previous one."""

    delay_seconds: float
    webhook: Webhook


def generate_script(
    rng: Random,
    customers: Sequence[Customer],
    *,
    start: datetime,
    per_second: float,
    kinds: Kinds = "all",
    media_url: str | None = None,
) -> Iterator[ScheduledWebhook]:
    """Yield webhooks without end; the same arguments give the same webhooks.

    Args:
        rng: decides everything. Delays are exponentially distributed, as those of independent people are.
        customers: who writes, at least one.
        start: the start time; each body contains the time at which it is due.
        per_second: average number of webhooks per second.
        kinds: which kinds of webhooks to create.
        media_url: base URL of pictures, where the simulated Graph API is reached; without it they do not exist.
    """
    threads = [Thread(customer) for customer in customers]
    active: deque[Thread] = deque(maxlen=_ACTIVE_THREADS)
    at = start
    while True:
        delay = rng.expovariate(per_second)
        at += timedelta(seconds=delay)
        thread = rng.choice(active if active and rng.random() < _STAY_SHARE else threads)
        active.append(thread)
        thread.events += 1
        build = None if kinds == "text" else choose_action(rng, thread)
        if build is None:
            yield ScheduledWebhook(delay, _line(rng, thread, at, kinds))
        else:
            yield ScheduledWebhook(delay, build(rng, thread, at, media_url or _DEFAULT_MEDIA_URL))


def _line(rng: Random, thread: Thread, at: datetime, kinds: Kinds) -> Webhook:
    """Return the next line of the thread's conversation, and start a new conversation after its last line."""
    if not thread.lines:
        conversation: Conversation = rng.choice(thread.customer.language.conversations)
        thread.lines.extend(line for line in conversation if line[0] == "customer" or kinds == "all")
    speaker, content = thread.lines.popleft()
    customer, message_id = thread.customer, thread.new_message_id(at)
    is_whatsapp = customer.platform == "whatsapp" and kinds == "all"
    if speaker == "page":
        thread.outgoing.append(SentMessage(message_id))
        if is_whatsapp:
            value = whatsapp.echo(
                thread.page, thread.contact, at=at, message_id=message_id, kind="text", content={"body": content}
            )
            return thread.change(value, at, field_name=PHONE_APP)
        return echo(thread.page, customer.customer_id, at=at, message_id=message_id, content=content)
    thread.incoming.append(SentMessage(message_id))
    if is_whatsapp:
        value = whatsapp.text(thread.page, thread.contact, at=at, message_id=message_id, content=content)
        return thread.change(value, at)
    return text_message(thread.page, customer.customer_id, customer.name, at=at, message_id=message_id, content=content)
