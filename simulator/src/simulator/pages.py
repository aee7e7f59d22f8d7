"""The business side of a conversation: a page, an Instagram account or a WhatsApp number."""

from dataclasses import dataclass

from shared.contracts import PLATFORMS, Platform, derive_id

_ID_DIGITS: dict[Platform, tuple[str, int]] = {"facebook": ("1", 15), "instagram": ("17841", 17), "whatsapp": ("1", 15)}


@dataclass(frozen=True)
class Page:
    """A business's presence on a platform.

    `page_id` is the ID that Switchboard uses. On WhatsApp it is the `phone_number_id`, which differs from the entry's
    ID.
    """

    platform: Platform
    page_id: str
    name: str

    @property
    def entry_id(self) -> str:
        """The `id` of its webhook entries: `page_id`, except on WhatsApp, where it is the business account."""
        return digits(f"waba{self.page_id}", prefix="2", length=15) if self.platform == "whatsapp" else self.page_id

    @property
    def display_phone_number(self) -> str:
        """A fictitious phone number, for WhatsApp's `metadata`."""
        return digits(f"phone{self.page_id}", prefix="1555", length=11)

    @property
    def access_token(self) -> str:
        """The token that the simulated Graph API accepts for this page. Meta issues none of this format."""
        return f"simulated-{self.platform}-{self.page_id}"


def digits(text: str, *, prefix: str, length: int) -> str:
    """Return `length` digits that start with `prefix` and are derived from `text`: platforms' IDs exceed 2^53."""
    return prefix + str(int(derive_id(text), 16)).zfill(39)[-(length - len(prefix)) :]


def demo_pages(name: str = "Blue Door Coffee", *, of: str = "demo") -> tuple[Page, ...]:
    """Return one page per platform; the same `of` gives the same pages."""
    pages = []
    for platform in PLATFORMS:
        prefix, length = _ID_DIGITS[platform]
        pages.append(Page(platform, digits(f"{of}{platform}", prefix=prefix, length=length), name))
    return tuple(pages)
