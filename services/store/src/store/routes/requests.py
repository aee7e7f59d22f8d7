"""Request bodies of the REST API and the types of their fields; validated by pydantic."""

import re
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from shared.security.user_tokens import USER_ID_PATTERN

PAGE_ID_PATTERN = r"^[A-Za-z0-9._-]{1,128}$"
_LARGEST_USER_NUMBER = 10**18
LARGEST_SEQ = 9 * 10**18
"""More than there will be. OpenAPI has limits as floating-point numbers, where this is exact and 2**63 - 1 is not."""
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
MAX_TOKEN_SECONDS = 30 * 24 * 3600


def _integer_of_float(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text_of_integer(value: object) -> object:
    whole = _integer_of_float(value)
    if not isinstance(whole, int) or isinstance(whole, bool):
        return value
    if abs(whole) > _LARGEST_USER_NUMBER:
        raise ValueError("a larger number has to be a string")
    return str(whole)


def _written_out(value: object) -> object:
    if isinstance(value, str) and _DATE_TIME.match(value) is None:
        raise ValueError("a date and a time are needed, such as 2026-11-22T10:15:00Z")
    return value


WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(_integer_of_float)]
"""A JSON number without a fraction, however it is written, and no text."""
UserId = Annotated[
    str,
    BeforeValidator(_text_of_integer),
    Field(pattern=USER_ID_PATTERN),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": USER_ID_PATTERN},
                {"type": "integer", "minimum": -_LARGEST_USER_NUMBER, "maximum": _LARGEST_USER_NUMBER},
            ],
            "description": "A JSON string or integer; text everywhere else.",
            "examples": ["42"],
        }
    ),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""RFC 3339, and not the number of seconds that Pydantic takes as well."""


class AccountBody(BaseModel):
    """Who connects a page, and how it is called."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user_id: UserId
    name: str | None = Field(default=None, min_length=1, max_length=512, examples=["Blue Things"])
    """Shown as the sender of outgoing messages; left as it is when absent."""
    access_token: SecretStr | None = Field(default=None, min_length=1, max_length=4096, examples=["EAAGm0PX4ZCpsBA…"])
    """The platform's token for this page, for profile look-ups; left as it is when absent."""


class TokenBody(BaseModel):
    """Whose token is to be minted, and for how long."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user_id: UserId
    ttl_seconds: WholeNumber = Field(default=3600, ge=1, le=MAX_TOKEN_SECONDS, examples=[3600])
    name: str | None = Field(default=None, min_length=1, max_length=100, examples=["Grace Hopper"])
    """What the user's other devices show beside `typing` and `presence`."""


class ReadBody(BaseModel):
    """Up to where a conversation has been read."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    up_to_seq: WholeNumber = Field(ge=0, le=LARGEST_SEQ, examples=[1042])
    """Messages with ids up to this are read: the greatest `id` on the screen."""
    user_id: UserId | None = None
    """The token's own user, and nobody else."""


class ReplayBody(BaseModel):
    """Which parked items are to be tried again."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[str, Field(max_length=256)]] = Field(
        min_length=1, max_length=200, examples=[["9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1"]]
    )
