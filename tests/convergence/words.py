"""Ids, texts and times that histories are made of: sets so small that items meet.

An edit mostly finds its message, two reactions often tell the same time, a watermark often falls on the very moment of
a message. A message id tells its page, customer and direction, so no two items contradict each other about those;
everything else that two descriptions of one message say may differ.
"""

from hypothesis import strategies as st

from tests.convergence.shapes import Page

SECONDS = (0, 1, 2, 3, 5, 8)
MOMENTS = (*SECONDS, 2.001, 4.999)
"""Of Messenger and Instagram, which tell milliseconds."""
NEVER = "never"
"""In the ids of messages that no item brings."""

CUSTOMERS = ("7001", "7002", "7003")
BSUIDS = {"7001": "US.7001", "7002": "US.7002", "7003": "US.7003"}
EMOJI = ("❤", "😂", "👍")
TEXTS = ("said one", "said two", "said é", "said \u0000 nothing")

Draw = st.DrawFn
CONFIDENTIAL = ("said ", "edited one", "edited two", "what was unsent", "cdn.example", "MENU", "YES")
"""Bits of what messages say that stand in none of their other columns."""
seconds = st.sampled_from(SECONDS)
moments = st.sampled_from(MOMENTS)
texts = st.sampled_from(TEXTS)


def message_id(page: Page, customer: str, *, outgoing: bool, name: str) -> str:
    return (
        f"{'wamid' if page.platform == 'whatsapp' else 'm'}.{page.id}.{customer}.{'out' if outgoing else 'in'}.{name}"
    )


def own_ids(page: Page, customer: str, *, outgoing: bool) -> st.SearchStrategy[str]:
    """Ids of messages that come, if they are drawn: mostly the same one, so that much is said about it."""
    return st.sampled_from("1111123" if outgoing else "1112").map(
        lambda name: message_id(page, customer, outgoing=outgoing, name=name)
    )


def any_ids(page: Page, customer: str) -> st.SearchStrategy[str]:
    """Ids of messages of both directions, seldom of one that never comes."""
    return st.one_of(
        own_ids(page, customer, outgoing=False),
        own_ids(page, customer, outgoing=True),
        own_ids(page, customer, outgoing=True),
        st.just(message_id(page, customer, outgoing=False, name=NEVER)),
    )


def channels() -> st.SearchStrategy[str]:
    """Where a messaging item stands: a copy of it may stand in `standby`."""
    return st.sampled_from(("messaging", "messaging", "messaging", "standby"))
