"""IDs, texts and times of histories: sets so small that items meet.

An edit mostly finds its message, two reactions often have the same time, a watermark is often at the exact time of a
message. A message ID contains its page, customer and direction, so no two items contradict each other about those;
all other fields of two descriptions of one message may differ.
"""

from hypothesis import strategies as st

from tests.convergence.shapes import Page

SECONDS = (0, 1, 2, 3, 5, 8)
MOMENTS = (*SECONDS, 2.001, 4.999)
"""Times of Messenger and Instagram, which have milliseconds."""
NEVER = "never"
"""Part of the IDs of messages that never arrive."""

CUSTOMERS = ("7001", "7002", "7003")
BSUIDS = {"7001": "US.7001", "7002": "US.7002", "7003": "US.7003"}
EMOJI = ("❤", "😂", "👍")
TEXTS = ("said one", "said two", "said é", "said \u0000 nothing")

Draw = st.DrawFn
CONFIDENTIAL = ("said ", "edited one", "edited two", "what was unsent", "cdn.example", "MENU", "YES")
"""Parts of message contents that occur in no other column."""
seconds = st.sampled_from(SECONDS)
moments = st.sampled_from(MOMENTS)
texts = st.sampled_from(TEXTS)


def message_id(page: Page, customer: str, *, outgoing: bool, name: str) -> str:
    return (
        f"{'wamid' if page.platform == 'whatsapp' else 'm'}.{page.id}.{customer}.{'out' if outgoing else 'in'}.{name}"
    )


def own_ids(page: Page, customer: str, *, outgoing: bool) -> st.SearchStrategy[str]:
    """Return IDs of messages that may arrive, mostly the same one, so that many items are about it."""
    return st.sampled_from("1111123" if outgoing else "1112").map(
        lambda name: message_id(page, customer, outgoing=outgoing, name=name)
    )


def any_ids(page: Page, customer: str) -> st.SearchStrategy[str]:
    """Return message IDs of both directions, sometimes of one that never arrives."""
    return st.one_of(
        own_ids(page, customer, outgoing=False),
        own_ids(page, customer, outgoing=True),
        own_ids(page, customer, outgoing=True),
        st.just(message_id(page, customer, outgoing=False, name=NEVER)),
    )


def channels() -> st.SearchStrategy[str]:
    """Return the list that a messaging item is in; a copy of it may be in `standby`."""
    return st.sampled_from(("messaging", "messaging", "messaging", "standby"))
