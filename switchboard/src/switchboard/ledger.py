"""`switchboard ledger`: what became of every received item, over the REST API of a running store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import PermanentError
from switchboard.admin_api import AdminApi

_TIMEOUT_SECONDS = 600.0
"""The sums over many millions of rows take minutes."""
_MISSING_AFTER_SECONDS = 60
_COLUMNS = ("received", "stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")

Account = dict[str, Any]
"""One account of `GET /api/ledger`: platform, page_id, the counts, and `ignored` by kind."""


@dataclass(frozen=True, kw_only=True)
class LedgerReport:
    """The counts of every account, and a sample of the webhooks with missing items.

    An item is missing if it has been unaccounted for over a minute.
    """

    accounts: list[Account]
    missing: list[dict[str, Any]]
    """Each with webhook_id, platform, page_id, received_at, items, missing."""


def read_ledger(api_url: str, admin_token: str, *, since: str | None, sample: int) -> LedgerReport:
    """Read the ledger of a running system.

    Args:
        api_url: ends in `/api`.
        admin_token: the token.
        since: only what was received since this time (ISO 8601; UTC if it names no zone).
        sample: the maximum number of incomplete webhooks to return.

    Raises:
        DependencyUnavailable: the API does not respond.
        PermanentError: `since` is not a time, or the API responds with an error.
    """
    api = AdminApi(api_url, admin_token, timeout_seconds=_TIMEOUT_SECONDS)
    parameters = {} if since is None else {"since": _time(since).isoformat()}
    accounts = api.request("GET", "/ledger", params=parameters)
    missing = {"older_than_seconds": _MISSING_AFTER_SECONDS, "limit": sample}
    return LedgerReport(accounts=accounts, missing=api.request("GET", "/ledger/unaccounted", params=missing))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise PermanentError(f"{text!r} is not a time: write 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def table(accounts: Sequence[Account]) -> list[str]:
    """Return a table with one row per account and a row of sums, as aligned lines."""
    rows = [[f"{a['platform']}/{a['page_id'] or '(no page)'}", *map(str, _numbers(a))] for a in accounts]
    sums = [str(sum(column)) for column in zip(*map(_numbers, accounts), strict=True)] or ["0"] * len(_COLUMNS)
    lines = [["account", *_COLUMNS], *rows, ["total", *sums]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS) + 1)]
    return [_aligned(line, widths) for line in lines]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = line
    return "  ".join([name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))])


def _numbers(account: Account) -> list[int]:
    return [sum(account[name].values()) if name == "ignored" else account[name] for name in _COLUMNS]


def ignored_kinds(accounts: Iterable[Account]) -> dict[str, int]:
    """Return the number of ignored items by kind."""
    kinds: dict[str, int] = {}
    for account in accounts:
        for kind, items in account["ignored"].items():
            kinds[kind] = kinds.get(kind, 0) + items
    return dict(sorted(kinds.items()))


def conclusion(report: LedgerReport) -> list[str]:
    """Return lines that state whether items are missing, and of which webhooks."""
    if report.missing:
        return [
            "Items are missing that were received over a minute ago. Webhooks with missing items:",
            *(
                f"  {one['webhook_id']}  {one['received_at']}  {one['platform']}/{one['page_id'] or '(no page)'}"
                f"  {one['missing']} of {one['items']}"
                for one in report.missing
            ),
        ]
    in_flight = sum(account["unaccounted"] for account in report.accounts)
    if in_flight:
        return [f"Nothing is missing: the {in_flight} unaccounted items were received within the last minute."]
    return ["Every received item is accounted for."]
