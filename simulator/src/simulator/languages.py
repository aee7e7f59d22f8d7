"""Names and conversations of simulated customers, in several languages and scripts."""

from importlib.resources import files
from typing import Literal

import msgspec

Speaker = Literal["customer", "page"]
Conversation = tuple[tuple[Speaker, str], ...]
"""Speaker and text of each line, in order."""


class Language(msgspec.Struct, frozen=True):
    """The names and conversations of one language."""

    language: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    conversations: tuple[Conversation, ...]

    @property
    def family_first(self) -> bool:
        """Whether names are written family name first, without a space."""
        return self.language in {"zh", "ja"}


def load_languages() -> tuple[Language, ...]:
    """Return all languages, from the package's data file."""
    raw = files("simulator").joinpath("languages.json").read_bytes()
    return msgspec.json.decode(raw, type=tuple[Language, ...])
