"""Connecting pages to users over the store's REST API, as an operator would."""

import asyncio
import time
from collections.abc import Sequence

import httpx
from pydantic import SecretStr

from shared.errors import DependencyUnavailable, PermanentError
from simulator.pages import Page

_TRY_AGAIN_SECONDS = 0.25
_SERVER_ERRORS = 500


async def connect_pages(
    http: httpx.AsyncClient,
    pages: Sequence[Page],
    *,
    api_url: str,
    admin_token: SecretStr,
    user_id: str,
    patience_seconds: float = 10.0,
) -> None:
    """Connect `pages` to the user, with the access tokens that the simulated Graph API takes. Repeating it is harmless.

    Args:
        http: carries the requests.
        pages: what to connect.
        api_url: ends in `/api`, without a slash at the end.
        admin_token: may connect accounts.
        user_id: whose inbox the pages' messages go to.
        patience_seconds: how long an API that is away or answers 5xx is asked again, in all.

    Raises:
        DependencyUnavailable: it was away all the time.
        PermanentError: it refuses, e.g. the admin token.
    """
    give_up_at = time.monotonic() + patience_seconds
    for page in pages:
        content = {"user_id": user_id, "name": page.name, "access_token": page.access_token}
        url = f"{api_url}/accounts/{page.platform}/{page.page_id}"
        while (problem := await _put(http, url, content, admin_token)) is not None:
            if time.monotonic() >= give_up_at:
                raise DependencyUnavailable(f"{page.platform} page {page.page_id} cannot be connected: {problem}")
            await asyncio.sleep(_TRY_AGAIN_SECONDS)


async def _put(http: httpx.AsyncClient, url: str, content: dict[str, str], admin_token: SecretStr) -> str | None:
    """Return what is wrong and may pass; None when it was put."""
    headers = {"Authorization": f"Bearer {admin_token.get_secret_value()}"}
    try:
        answer = await http.put(url, json=content, headers=headers)
    except httpx.TransportError as error:
        return f"no answer ({type(error).__name__})"
    if answer.status_code >= _SERVER_ERRORS:
        return f"answered {answer.status_code}"
    if not answer.is_success:
        raise PermanentError(f"connecting a page was refused with {answer.status_code}: {answer.text[:200]}")
    return None
