"""`switchboard verify`: all that is known, as hashes. Talks to a running store's REST API."""

import json
from collections.abc import Callable
from typing import Any

from shared.errors import DependencyUnavailable
from switchboard.admin_api import AdminApi

_TIMEOUT_SECONDS = 600.0
"""Between two users: one may have millions of messages."""


def verify(
    api_url: str, admin_token: str, *, user_id: str | None, on_user: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Return `users` and `hash` of all that is known; `on_user` gets what is known of each, as it comes.

    Raises:
        DependencyUnavailable: nobody answers, or not to the end.
        PermanentError: the answer is no.
    """
    api = AdminApi(api_url, admin_token, timeout_seconds=_TIMEOUT_SECONDS)
    parameters = {} if user_id is None else {"user_id": user_id}
    for line in api.lines("/verify", **parameters):
        state: dict[str, Any] = json.loads(line)
        if "users" in state:
            return state
        on_user(state)
    raise DependencyUnavailable("the answer was cut off before its end: Postgres may have gone away. Try again.")
