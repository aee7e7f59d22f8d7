"""Comments under posts: the `value` of `entry[].changes[]` for pages and Instagram accounts.

A commenter's ID differs from the ID that the same person has in messages.
"""

from datetime import datetime

from simulator.pages import Page, digits
from simulator.whatsapp import Value, seconds

FIELDS = {"facebook": "feed", "instagram": "comments"}
"""The field of these changes, by platform; WhatsApp has no comments."""


def comment(page: Page, customer_id: str, name: str, *, at: datetime, content: str) -> Value:
    """Return a comment on a post of `page`."""
    author = digits(f"commentator{customer_id}", prefix="3", length=16)
    comment_id = digits(f"comment{customer_id}{at.isoformat()}", prefix="4", length=17)
    post_id = digits(f"post{page.page_id}", prefix="5", length=15)
    if page.platform == "instagram":
        return {
            "id": comment_id,
            "text": content,
            "from": {"id": author, "username": name},
            "media": {"id": post_id, "media_product_type": "FEED"},
        }
    return {
        "item": "comment",
        "verb": "add",
        "comment_id": f"{post_id}_{comment_id}",
        "post_id": f"{page.page_id}_{post_id}",
        "from": {"id": author, "name": name},
        "message": content,
        "created_time": int(seconds(at)),
    }
