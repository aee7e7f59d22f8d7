"""The business side of a conversation: a page, an Instagram account or a WhatsApp number."""

from dataclasses import dataclass

from shared.contracts import PLATFORMS, Platform, derive_id

_ID_DIGITS: dict[Platform, tuple[str, int]] = {"facebook": ("1", 15), "instagram": ("17841", 17), "whatsapp": ("1", 15)}


@dataclass(frozen=True)
class Page:
    """Who is written to.

    `page_id` is what Switchboard knows it by: on WhatsApp the `phone_number_id`, which is not the entry's id there.
    """

    platform: Platform
    page_id: str
    name: str

    @property
    def entry_id(self) -> str:
        """The `id` of its webhook entries: itself, but the business account on WhatsApp."""
        return digits(f"waba{self.page_id}", prefix="2", length=15) if self.platform == "whatsapp" else self.page_id

    @property
    def display_phone_number(self) -> str:
        """A made-up number, for WhatsApp's `metadata`."""
        return digits(f"phone{self.page_id}", prefix="1555", length=11)

    @property
    def access_token(self) -> str:
        """The token that the simulated Graph API takes for this page; shaped like none that Meta gives out."""
        return f"simulated-{self.platform}-{self.page_id}"


def digits(text: str, *, prefix: str, length: int) -> str:
    """Return `length` digits that begin with `prefix` and stand for `text`: platforms' ids are above 2^53."""
    return prefix + str(int(derive_id(text), 16)).zfill(39)[-(length - len(prefix)) :]


def demo_pages(name: str = "Blue Door Coffee", *, of: str = "demo") -> tuple[Page, ...]:
    """Return one page a platform, the same for the same `of`."""
    pages = []
    for platform in PLATFORMS:
        prefix, length = _ID_DIGITS[platform]
        pages.append(Page(platform, digits(f"{of}{platform}", prefix=prefix, length=length), name))
    return tuple(pages)
