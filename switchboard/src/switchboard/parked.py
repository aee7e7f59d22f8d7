"""`switchboard parked`: list, show and replay parked events, over the REST API of a running store."""

from collections.abc import Sequence
from typing import Any

from switchboard.admin_api import AdminApi


class ParkedItems:
    """The parked events of a running system.

    Args:
        api_url: ends in `/api`, without a trailing slash.
        admin_token: the token.

    Every method raises DependencyUnavailable or PermanentError, as `AdminApi.request` does.
    """

    def __init__(self, api_url: str, admin_token: str) -> None:
        self._api = AdminApi(api_url, admin_token)

    def newest(self, *, limit: int) -> list[dict[str, Any]]:
        """Return the newest ones: id, parked_at, handler, event_type, reason, attempts, replayed_at."""
        return self._api.request("GET", "/parked", params={"limit": limit})  # type: ignore[no-any-return]  # the API's contract

    def show(self, item_id: str) -> dict[str, Any]:
        """Return one of them with the original event."""
        return self._api.request("GET", f"/parked/{item_id}")  # type: ignore[no-any-return]  # the API's contract

    def replay(self, item_ids: Sequence[str]) -> dict[str, Any]:
        """Publish the originals again; return `replayed` (IDs) and `not_replayed` (IDs with a reason)."""
        return self._api.request("POST", "/parked/replay", json={"ids": list(item_ids)})  # type: ignore[no-any-return]  # as above
