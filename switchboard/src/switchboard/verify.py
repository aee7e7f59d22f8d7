"""`switchboard verify`: hashes of every user's state, over the REST API of a running store."""

import json
from collections.abc import Callable
from typing import Any

from shared.errors import DependencyUnavailable
from switchboard.admin_api import AdminApi

_TIMEOUT_SECONDS = 600.0
"""For the time between two users: one of them may have millions of messages."""


def verify(
    api_url: str, admin_token: str, *, user_id: str | None, on_user: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Return the total: `users`, their number, and `hash`.

    Args:
        api_url: ends in `/api`.
        admin_token: the token.
        user_id: only this user; None: all of them.
        on_user: called for each user as its line arrives: user_id, conversations, messages, hash.

    Raises:
        DependencyUnavailable: the API does not respond, or the response ends early.
        PermanentError: the API responds with an error.
    """
    api = AdminApi(api_url, admin_token, timeout_seconds=_TIMEOUT_SECONDS)
    parameters = {} if user_id is None else {"user_id": user_id}
    for line in api.lines("/verify", **parameters):
        state: dict[str, Any] = json.loads(line)
        if "users" in state:
            return state
        on_user(state)
    raise DependencyUnavailable("The response was cut off: Postgres may have become unavailable. Try again.")
