"""`switchboard parked`: what was given up, why, and giving it another try. Talks to a running store's REST API."""

from collections.abc import Sequence
from typing import Any

import httpx

from shared.errors import DependencyUnavailable, PermanentError

_TIMEOUT_SECONDS = 10.0
_CLIENT_ERRORS = 400


class ParkedItems:
    """The parked items of a running system.

    Args:
        api_url: ends in `/api`, without a slash at the end.
        admin_token: may read and replay what was parked.
    """

    def __init__(self, api_url: str, admin_token: str) -> None:
        self._http = httpx.Client(
            base_url=api_url, headers={"Authorization": f"Bearer {admin_token}"}, timeout=_TIMEOUT_SECONDS
        )

    def newest(self, *, limit: int) -> list[dict[str, Any]]:
        """Return the newest parked items: id, parked_at, handler, event_type, reason, attempts, replayed_at."""
        return self._ask("GET", "/parked", params={"limit": limit})  # type: ignore[no-any-return]  # the API's contract

    def show(self, item_id: str) -> dict[str, Any]:
        """Return one item with its original event."""
        return self._ask("GET", f"/parked/{item_id}")  # type: ignore[no-any-return]  # the API's contract

    def replay(self, item_ids: Sequence[str]) -> dict[str, Any]:
        """Publish the originals again; return `replayed` (ids) and `not_replayed` (id and reason of the others)."""
        return self._ask("POST", "/parked/replay", json={"ids": list(item_ids)})  # type: ignore[no-any-return]  # as above

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise DependencyUnavailable(f"{self._http.base_url} does not answer: {error}") from error
        if answer.status_code >= _CLIENT_ERRORS:
            raise PermanentError(f"{answer.status_code}: {answer.text[:300]}")
        return answer.json()
