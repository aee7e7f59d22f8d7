"""The end of every test in which something may get lost: the ledger of the whole system balances."""

from typing import Any

from tests.system.running import System, eventually


async def assert_balanced(system: System, *, received: int | None = None, within_seconds: float = 60.0) -> None:
    """Return once nothing is on its way any more; assert that every item is in exactly one place.

    Args:
        system: where it all happened.
        received: how many items came in, over all accounts.
        within_seconds: how long it may take until the last one has arrived.
    """
    books: list[dict[str, Any]] = []

    async def is_settled() -> bool:
        books[:] = await asked(system, "/ledger")
        return all(account["unaccounted"] == 0 for account in books) and (
            received is None or sum(account["received"] for account in books) >= received
        )

    try:
        await eventually(is_settled, within_seconds=within_seconds)
    except AssertionError as error:
        missing = await asked(system, "/ledger/unaccounted", older_than_seconds=0, limit=10)
        raise AssertionError(f"not settled within {within_seconds:g} s: {books}; missing: {missing}") from error
    for account in books:
        places = (account[name] for name in ("stored", "duplicate", "parked", "waiting"))
        assert account["received"] == sum(places) + sum(account["ignored"].values()), account
    if received is not None:
        assert sum(account["received"] for account in books) == received, books


async def asked(system: System, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return what the API says to a holder of the admin token."""
    answer = await system.http.get(
        f"{system.urls['api']}{path}",
        params=query,
        headers={"Authorization": f"Bearer {system.urls['admin_token']}"},
    )
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return list(answer.json())
