"""`switchboard parked`: what was given up, why, and giving it another try. Talks to a running store's REST API."""

from collections.abc import Sequence
from typing import Any

from switchboard.admin_api import AdminApi


class ParkedItems:
    """The parked items of a running system.

    Args:
        api_url: ends in `/api`, without a slash at the end.
        admin_token: may read and replay what was parked.
    """

    def __init__(self, api_url: str, admin_token: str) -> None:
        self._api = AdminApi(api_url, admin_token)

    def newest(self, *, limit: int) -> list[dict[str, Any]]:
        """Return the newest parked items: id, parked_at, handler, event_type, reason, attempts, replayed_at."""
        return self._api.ask("GET", "/parked", params={"limit": limit})  # type: ignore[no-any-return]  # the API's contract

    def show(self, item_id: str) -> dict[str, Any]:
        """Return one item with its original event."""
        return self._api.ask("GET", f"/parked/{item_id}")  # type: ignore[no-any-return]  # the API's contract

    def replay(self, item_ids: Sequence[str]) -> dict[str, Any]:
        """Publish the originals again; return `replayed` (ids) and `not_replayed` (id and reason of the others)."""
        return self._api.ask("POST", "/parked/replay", json={"ids": list(item_ids)})  # type: ignore[no-any-return]  # as above
