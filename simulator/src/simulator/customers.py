"""A population of made-up customers: pure, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from shared.contracts import Platform
from simulator.pages import Page
from simulator.vocabulary import Language

_PREFIX: dict[Platform, tuple[str, int]] = {"facebook": ("2", 16), "instagram": ("9", 16), "whatsapp": ("1555", 11)}
"""How an id begins and its digits: page-scoped and Instagram-scoped ids are above 2^53, numbers are made up."""

_MAX_CUSTOMERS = 1_000_000


@dataclass(frozen=True)
class Customer:
    """Somebody who writes to one page. `customer_id` is the PSID, the IGSID or the phone number."""

    customer_id: str
    page: Page
    first_name: str
    last_name: str
    name: str
    username: str
    language: Language

    @property
    def platform(self) -> Platform:
        """Where they write."""
        return self.page.platform


def population(rng: Random, pages: Sequence[Page], number: int, languages: Sequence[Language]) -> tuple[Customer, ...]:
    """Return `number` customers, spread evenly over `pages` and `languages`; no two share an id.

    Raises:
        ValueError: there are no pages or no languages to spread them over, or more customers than telephone numbers.
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
