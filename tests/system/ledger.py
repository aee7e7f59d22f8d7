"""The final check of tests in which items might get lost: the ledger of the whole system balances."""

from typing import Any

from tests.system.running import System, eventually


async def assert_balanced(system: System, *, received: int | None = None, within_seconds: float = 60.0) -> None:
    """Wait until every item is accounted for; assert that each is counted exactly once.

    Args:
        system: the system.
        received: the expected number of received items of all accounts.
        within_seconds: how long the last item may take.
    """
    accounts: list[dict[str, Any]] = []

    async def is_settled() -> bool:
        accounts[:] = await admin_get(system, "/ledger")
        return all(account["unaccounted"] == 0 for account in accounts) and (
            received is None or sum(account["received"] for account in accounts) >= received
        )

    try:
        await eventually(is_settled, within_seconds=within_seconds)
    except AssertionError as error:
        missing = await admin_get(system, "/ledger/unaccounted", older_than_seconds=0, limit=10)
        raise AssertionError(f"not settled within {within_seconds:g} s: {accounts}; missing: {missing}") from error
    for account in accounts:
        places = (account[name] for name in ("stored", "duplicate", "parked", "waiting"))
        assert account["received"] == sum(places) + sum(account["ignored"].values()), account
    if received is not None:
        assert sum(account["received"] for account in accounts) == received, accounts


async def admin_get(system: System, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return a list that the API serves to the admin token."""
    response = await system.http.get(
        f"{system.urls['api']}{path}",
        params=query,
        headers={"Authorization": f"Bearer {system.urls['admin_token']}"},
    )
    assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
    return list(response.json())
