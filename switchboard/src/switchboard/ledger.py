"""`switchboard ledger`: where everything is that came in. Talks to a running store's REST API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import PermanentError
from switchboard.admin_api import AdminApi

_TIMEOUT_SECONDS = 600.0
"""The sums of a busy fortnight take their time."""
_MISSING_AFTER_SECONDS = 60
_COLUMNS = ("received", "stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")

Account = dict[str, Any]
"""One account of `GET /api/ledger`: platform, page_id, the numbers, and `ignored` by kind."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """What came in, where it is, and a sample of what has been nowhere for over a minute."""

    accounts: list[Account]
    missing: list[dict[str, Any]]
    """webhook_id, platform, page_id, received_at, items, missing."""


def read_books(api_url: str, admin_token: str, *, since: str | None, sample: int) -> Books:
    """Ask a running system.

    Args:
        api_url: ends in `/api`.
        admin_token: may read the ledger.
        since: only what was received since this time (ISO 8601; UTC where it names no zone).
        sample: at most so many webhooks of which something is missing.

    Raises:
        DependencyUnavailable: nobody answers.
        PermanentError: `since` is no time, or the answer is no.
    """
    api = AdminApi(api_url, admin_token, timeout_seconds=_TIMEOUT_SECONDS)
    parameters = {} if since is None else {"since": _moment(since).isoformat()}
    accounts = api.ask("GET", "/ledger", params=parameters)
    asked = {"older_than_seconds": _MISSING_AFTER_SECONDS, "limit": sample}
    return Books(accounts=accounts, missing=api.ask("GET", "/ledger/unaccounted", params=asked))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PermanentError(f"{text!r} is no time: write 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def table(accounts: Sequence[Account]) -> list[str]:
    """Return the accounts as lines, aligned, with the sums of all below."""
    rows = [[f"{a['platform']}/{a['page_id'] or '(no page)'}", *map(str, _numbers(a))] for a in accounts]
    sums = [str(sum(column)) for column in zip(*map(_numbers, accounts), strict=True)] or ["0"] * len(_COLUMNS)
    lines = [["account", *_COLUMNS], *rows, ["all", *sums]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS) + 1)]
    return [_aligned(line, widths) for line in lines]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = line
    return "  ".join([name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))])


def _numbers(account: Account) -> list[int]:
    return [sum(account[name].values()) if name == "ignored" else account[name] for name in _COLUMNS]


def ignored_kinds(accounts: Iterable[Account]) -> dict[str, int]:
    """Return what was ignored, by kind."""
    kinds: dict[str, int] = {}
    for account in accounts:
        for kind, items in account["ignored"].items():
            kinds[kind] = kinds.get(kind, 0) + items
    return dict(sorted(kinds.items()))


def conclusion(books: Books) -> list[str]:
    """Return in sentences whether everything is somewhere, and what is not."""
    if books.missing:
        return [
            "Items are missing that came in over a minute ago. Webhooks of which some are:",
            *(
                f"  {one['webhook_id']}  {one['received_at']}  {one['platform']}/{one['page_id'] or '(no page)'}"
                f"  {one['missing']} of {one['items']}"
                for one in books.missing
            ),
        ]
    under_way = sum(account["unaccounted"] for account in books.accounts)
    if under_way:
        return [f"Nothing is missing: the {under_way} unaccounted items came in within the last minute."]
    return ["Everything that came in is accounted for."]
