"""What made-up customers are called and what they write, in several languages and scripts."""

from importlib.resources import files
from typing import Literal

import msgspec

Speaker = Literal["customer", "page"]
Conversation = tuple[tuple[Speaker, str], ...]
"""Who says what, in order."""


class Language(msgspec.Struct, frozen=True):
    """Names and conversations that belong together."""

    language: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    conversations: tuple[Conversation, ...]

    @property
    def family_first(self) -> bool:
        """Whether the family name comes first, without a space."""
        return self.language in {"zh", "ja"}


def vocabulary() -> tuple[Language, ...]:
    """Return every language; reads the file that comes with the package."""
    raw = files("simulator").joinpath("vocabulary.json").read_bytes()
    return msgspec.json.decode(raw, type=tuple[Language, ...])
