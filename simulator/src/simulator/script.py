"""What happens at made-up customers' ends: a pure, endless sequence of webhooks and the pauses between them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from simulator import whatsapp
from simulator.bodies import PHONE_APP, Webhook, echo, text_message
from simulator.customers import Customer
from simulator.happenings import happening
from simulator.threads import Thread, Written
from simulator.vocabulary import Conversation

_STAY_SHARE = 0.6
"""How often one of the conversations that are under way goes on, rather than any."""
_UNDER_WAY = 4

Kinds = Literal["all", "text"]
"""`all`: whatever people do. `text`: customers' text messages alone, so that a webhook is exactly one new message."""
PICTURES_ELSEWHERE = "https://cdn.example"


@dataclass(frozen=True)
class Step:
    """One webhook, `after_seconds` after the one before it."""

    after_seconds: float
    webhook: Webhook


def play(
    rng: Random,
    customers: Sequence[Customer],
    *,
    start: datetime,
    per_second: float,
    kinds: Kinds = "all",
    media_url: str | None = None,
) -> Iterator[Step]:
    """Yield what happens, for ever; the same for the same arguments.

    Args:
        rng: decides everything; pauses are exponential, as those of independent people are.
        customers: who writes, at least one.
        start: time of the beginning; a body bears the time at which its step is due.
        per_second: webhooks a second, on average.
        kinds: what happens.
        media_url: where the simulated Graph API is reached; without it pictures stand where nobody is.
    """
    threads = [Thread(customer) for customer in customers]
    under_way: deque[Thread] = deque(maxlen=_UNDER_WAY)
    at = start
    while True:
        pause = rng.expovariate(per_second)
        at += timedelta(seconds=pause)
        thread = rng.choice(under_way if under_way and rng.random() < _STAY_SHARE else threads)
        under_way.append(thread)
        thread.events += 1
        make = None if kinds == "text" else happening(rng, thread)
        if make is None:
            yield Step(pause, _line(rng, thread, at, kinds))
        else:
            yield Step(pause, make(rng, thread, at, media_url or PICTURES_ELSEWHERE))


def _line(rng: Random, thread: Thread, at: datetime, kinds: Kinds) -> Webhook:
    """Return the next line of the conversation; a new one begins where one has ended."""
    if not thread.lines:
        conversation: Conversation = rng.choice(thread.customer.language.conversations)
        thread.lines.extend(line for line in conversation if line[0] == "customer" or kinds == "all")
    speaker, content = thread.lines.popleft()
    customer, message_id = thread.customer, thread.new_message_id(at)
    is_whatsapp = customer.platform == "whatsapp" and kinds == "all"
    if speaker == "page":
        thread.outgoing.append(Written(message_id))
        if is_whatsapp:
            value = whatsapp.echo(
                thread.page, thread.contact, at=at, message_id=message_id, kind="text", content={"body": content}
            )
            return thread.change(value, at, field_name=PHONE_APP)
        return echo(thread.page, customer.customer_id, at=at, message_id=message_id, content=content)
    thread.incoming.append(Written(message_id))
    if is_whatsapp:
        value = whatsapp.text(thread.page, thread.contact, at=at, message_id=message_id, content=content)
        return thread.change(value, at)
    return text_message(thread.page, customer.customer_id, customer.name, at=at, message_id=message_id, content=content)
