"""The state of a simulated customer's conversation."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from simulator import bodies
from simulator.bodies import Webhook
from simulator.customers import Customer
from simulator.items import Item
from simulator.pages import Page, digits
from simulator.whatsapp import Contact, Value

_REMEMBERED = 4


@dataclass
class SentMessage:
    """A message that later actions may refer to."""

    message_id: str
    edits: int = 0
    statuses: int = 0
    """WhatsApp: number of status webhooks sent for it."""


@dataclass
class Thread:
    """A customer and the latest messages of both sides, oldest first."""

    customer: Customer
    lines: deque[tuple[str, str]] = field(default_factory=deque)
    events: int = 0
    hides_phone: bool = False
    """WhatsApp: only the business-scoped user ID is revealed from now on."""
    incoming: deque[SentMessage] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    outgoing: deque[SentMessage] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    reacted: deque[tuple[str, bool]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """Reactions that can be removed: message ID, and whether the page reacted."""

    @property
    def page(self) -> Page:
        """The page that the customer writes to."""
        return self.customer.page

    @property
    def ids(self) -> tuple[str, str]:
        """Page ID and customer ID, the first arguments of item builders."""
        return self.page.page_id, self.customer.customer_id

    @property
    def contact(self) -> Contact:
        """The customer as a WhatsApp contact; a third of them have a user ID besides the number."""
        customer = self.customer
        user_id = "US." + digits(f"user{customer.customer_id}", prefix="1", length=15)
        if self.hides_phone:
            return Contact(customer.name, None, user_id, customer.username)
        return Contact(
            customer.name, customer.customer_id, user_id if int(customer.customer_id[-2:]) % 3 == 0 else None
        )

    def new_message_id(self, at: datetime) -> str:
        """Return the ID of the next message. The time makes it unique across runs with the same seed."""
        customer, number = self.customer, str(self.events)
        parts = (self.page.page_id, customer.customer_id, at.isoformat(), number)
        return bodies.message_id(customer.platform, *parts)

    def webhook(self, item: Item, at: datetime) -> Webhook:
        """Return the Messenger or Instagram webhook with `item`."""
        return bodies.messaging(self.page, item, at=at)

    def change(self, value: Value, at: datetime, *, field_name: str = "messages") -> Webhook:
        """Return the webhook with one change."""
        return bodies.changes(self.page, value, at=at, field=field_name)
