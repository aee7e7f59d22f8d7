"""Request bodies of the REST API and the types of their fields; validated by pydantic."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
)

from shared.security.bearer import bearer_problem
from shared.security.user_tokens import USER_ID_PATTERN

PAGE_ID_PATTERN = r"^[A-Za-z0-9._-]{1,128}$"
_LARGEST_USER_NUMBER = 10**18
LARGEST_SEQ = 9 * 10**18
"""More than there will ever be. OpenAPI limits are floating-point numbers, where this is exact and 2**63 - 1 is not."""
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
MAX_TOKEN_SECONDS = 30 * 24 * 3600
MAX_TOKEN_ID_CHARACTERS = 256


def _integer_from_float(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _string_from_integer(value: object) -> object:
    whole = _integer_from_float(value)
    if not isinstance(whole, int) or isinstance(whole, bool):
        return value
    if abs(whole) > _LARGEST_USER_NUMBER:
        raise ValueError("larger numbers must be strings")
    return str(whole)


def _require_date_time(value: object) -> object:
    if isinstance(value, str) and _DATE_TIME.match(value) is None:
        raise ValueError("must be a date and time, such as 2026-11-22T10:15:00Z")
    return value


def _require_bearer(value: SecretStr) -> SecretStr:
    if (problem := bearer_problem(value.get_secret_value())) is not None:
        raise ValueError(problem)
    return value


WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(_integer_from_float)]
"""A JSON number without a fraction, in any notation, but no string."""
UserId = Annotated[
    str,
    BeforeValidator(_string_from_integer),
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
Moment = Annotated[AwareDatetime, BeforeValidator(_require_date_time)]
"""RFC 3339; without this check, Pydantic accepts a number of seconds as well."""


class AccountBody(BaseModel):
    """Connects a page to a user."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user_id: UserId
    name: str | None = Field(default=None, min_length=1, max_length=512, examples=["Blue Things"])
    """Shown as the sender of outgoing messages; unchanged if absent."""
    access_token: Annotated[SecretStr, AfterValidator(_require_bearer)] | None = Field(
        default=None, min_length=1, max_length=4096, examples=["EAAGm0PX4ZCpsBAyourPageToken"]
    )
    """The platform's access token of this page, for profile lookups; unchanged if absent. Visible ASCII characters
    only, exactly as the platform shows it: nothing is trimmed."""


class TokenBody(BaseModel):
    """Mints a token for a user."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user_id: UserId
    ttl_seconds: WholeNumber = Field(default=3600, ge=1, le=MAX_TOKEN_SECONDS, examples=[3600])
    name: str | None = Field(default=None, min_length=1, max_length=100, examples=["Grace Hopper"])
    """Shown on the user's other devices beside `typing` and `presence`."""


class RevocationBody(BaseModel):
    """Revokes tokens of a user."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user_id: UserId
    token_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TOKEN_ID_CHARACTERS,
        examples=["5f1e9f2d7c0a4b155a0d3e6f7b8c9d0e"],
    )
    """The one token's ID (`jti`); without it, all tokens that were issued until now."""


class ReadBody(BaseModel):
    """Marks a conversation as read."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    up_to_seq: WholeNumber = Field(ge=0, le=LARGEST_SEQ, examples=[1042])
    """Messages with IDs up to this are read: usually the greatest `id` on the screen."""
    user_id: UserId | None = None
    """The user of the token; no other is allowed."""


class ReplayBody(BaseModel):
    """Replays parked items."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[str, Field(max_length=256)]] = Field(
        min_length=1, max_length=200, examples=[["9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1"]]
    )
