"""Simulated customers. Pure; the same seed produces the same customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from shared.contracts import Platform
from simulator.languages import Language
from simulator.pages import Page

_PREFIX: dict[Platform, tuple[str, int]] = {"facebook": ("2", 16), "instagram": ("9", 16), "whatsapp": ("1555", 11)}
"""Prefix and length of an ID. Page-scoped and Instagram-scoped IDs exceed 2^53; phone numbers are fictitious."""

_MAX_CUSTOMERS = 1_000_000


@dataclass(frozen=True)
class Customer:
    """A person who writes to one page. `customer_id` is the PSID, the IGSID or the phone number."""

    customer_id: str
    page: Page
    first_name: str
    last_name: str
    name: str
    username: str
    language: Language

    @property
    def platform(self) -> Platform:
        """The platform of the page."""
        return self.page.platform


def population(rng: Random, pages: Sequence[Page], number: int, languages: Sequence[Language]) -> tuple[Customer, ...]:
    """Return `number` customers with distinct IDs, spread evenly over `pages` and `languages`.

    Raises:
        ValueError: there are no pages or no languages, or `number` exceeds a million.
    """
    if not pages or not languages:
        raise ValueError("customers need pages to write to and languages to write in")
    if number > _MAX_CUSTOMERS:
        raise ValueError(f"a population has at most {_MAX_CUSTOMERS} customers")
    taken: set[str] = set()
    return tuple(
        _customer(rng, pages[index % len(pages)], languages[index % len(languages)], taken) for index in range(number)
    )


def _customer(rng: Random, page: Page, language: Language, taken: set[str]) -> Customer:
    customer_id = _new_id(rng, page.platform, taken)
    first, last = rng.choice(language.given), rng.choice(language.family)
    name = f"{last}{first}" if language.family_first else f"{first} {last}"
    username = f"{language.language}_{rng.choice(('sun', 'moon', 'kite', 'fern', 'lark'))}.{customer_id[-5:]}"
    return Customer(customer_id, page, first, last, name, username, language)


def _new_id(rng: Random, platform: Platform, taken: set[str]) -> str:
    prefix, length = _PREFIX[platform]
    while True:
        candidate = prefix + "".join(rng.choices("0123456789", k=length - len(prefix)))
        if candidate not in taken:
            taken.add(candidate)
            return candidate
