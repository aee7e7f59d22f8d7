"""Connects pages to users over the store's REST API, as an operator would."""

import asyncio
import time
from collections.abc import Sequence

import httpx
from pydantic import SecretStr

from shared.errors import DependencyUnavailable, PermanentError
from simulator.pages import Page

_RETRY_SECONDS = 0.25
_SERVER_ERRORS = 500


async def connect_pages(
    http: httpx.AsyncClient,
    pages: Sequence[Page],
    *,
    api_url: str,
    admin_token: SecretStr,
    user_id: str,
    timeout_seconds: float = 10.0,
) -> None:
    """Connect `pages` to the user, with access tokens that the simulated Graph API accepts. Safe to repeat.

    Args:
        http: the client for the requests.
        pages: the pages to connect.
        api_url: ends in `/api`, without a trailing slash.
        admin_token: the token.
        user_id: the user whose inbox receives the pages' messages.
        timeout_seconds: how long to retry in total if the API is unavailable or responds with 5xx.

    Raises:
        DependencyUnavailable: the API stayed unavailable.
        PermanentError: the API rejects a request, for example because of the admin token.
    """
    deadline = time.monotonic() + timeout_seconds
    for page in pages:
        content = {"user_id": user_id, "name": page.name, "access_token": page.access_token}
        url = f"{api_url}/accounts/{page.platform}/{page.page_id}"
        while (problem := await _put(http, url, content, admin_token)) is not None:
            if time.monotonic() >= deadline:
                raise DependencyUnavailable(f"Cannot connect the {page.platform} page {page.page_id}: {problem}")
            await asyncio.sleep(_RETRY_SECONDS)


async def _put(http: httpx.AsyncClient, url: str, content: dict[str, str], admin_token: SecretStr) -> str | None:
    """Return a temporary problem as text; None: the account was put."""
    headers = {"Authorization": f"Bearer {admin_token.get_secret_value()}"}
    try:
        response = await http.put(url, json=content, headers=headers)
    except httpx.TransportError as error:
        return f"no response ({type(error).__name__})"
    if response.status_code >= _SERVER_ERRORS:
        return f"status {response.status_code}"
    if not response.is_success:
        raise PermanentError(f"The API refuses to connect a page: {response.status_code} {response.text[:200]}")
    return None
