"""`switchboard ledger`, `verify`, `keys` and `audit` as command lines, against an API with canned responses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from switchboard.__main__ import app

ACCOUNT = {
    "platform": "facebook", "page_id": "page-1", "received": 10, "stored": 5, "duplicate": 1, "parked": 1, "waiting": 1,
    "ignored": {"expired": 1, "messaging.other": 1}, "unaccounted": 0,
}  # fmt: skip
NO_PAGE = ACCOUNT | {"page_id": "", "received": 3, "stored": 0, "duplicate": 0, "parked": 1, "waiting": 0,
                     "ignored": {}, "unaccounted": 2}  # fmt: skip
MISSING = {
    "webhook_id": "1" * 32, "platform": "facebook", "page_id": "page-1", "received_at": "2026-01-02T12:00:00Z",
    "items": 3, "missing": 2,
}  # fmt: skip
USER = {"user_id": "user-1", "conversations": 2, "messages": 30, "hash": "aa"}
TOTAL = {"users": 1, "hash": "bb"}

Responses = dict[str, tuple[int, str]]


@contextmanager
def serving(responses: Responses) -> Iterator[tuple[str, list[tuple[str, dict[str, list[str]]]]]]:
    """Yield the API's address, and the path and query of each request it received."""
    requests: list[tuple[str, dict[str, list[str]]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            requests.append((url.path, parse_qs(url.query)))
            is_known = self.headers["Authorization"] == "Bearer new"
            status, text = responses[url.path] if is_known else (401, '{"title": "A valid bearer token is needed."}')
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library gives it
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", requests
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()


def run(command: str, responses: Responses, *arguments: str, token: str = "new,old") -> Result:
    with serving(responses) as (url, _):
        return CliRunner().invoke(app, [command, "--api", url, "--admin-token", token, *arguments])


def ledger(accounts: list[Any], missing: list[Any]) -> Responses:
    return {
        "/api/ledger": (200, json.dumps(accounts)),
        "/api/ledger/unaccounted": (200, json.dumps(missing)),
    }


def test_a_ledger_that_balances_is_a_table_and_a_sentence() -> None:
    result = run("ledger", ledger([ACCOUNT], []))

    assert result.exit_code == 0
    head, row, sums, *rest = result.stdout.splitlines()
    assert head.split() == [
        "account", "received", "stored", "duplicate", "parked", "waiting", "ignored", "unaccounted",
    ]  # fmt: skip
    assert row.split() == ["facebook/page-1", "10", "5", "1", "1", "1", "2", "0"]
    assert sums.split() == ["total", "10", "5", "1", "1", "1", "2", "0"]
    assert len(head) == len(row) == len(sums)
    assert rest == ["", "Ignored: 1 expired, 1 messaging.other.", "Every received item is accounted for."]


def test_an_empty_ledger_balances_too() -> None:
    result = run("ledger", ledger([], []))

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == ["total", *["0"] * 7]


def test_what_was_received_within_a_minute_is_not_missing() -> None:
    result = run("ledger", ledger([ACCOUNT, NO_PAGE], []))

    assert result.exit_code == 0
    assert "facebook/(no page)" in result.stdout
    assert "Nothing is missing: the 2 unaccounted items were received within the last minute." in result.stdout


def test_missing_items_are_listed_and_the_command_fails() -> None:
    result = run("ledger", ledger([ACCOUNT], [MISSING]))

    assert result.exit_code == 1
    assert f"{'1' * 32}  2026-01-02T12:00:00Z  facebook/page-1  2 of 3" in result.stdout


@pytest.mark.parametrize("missing", [[], [MISSING]])
def test_a_program_gets_the_ledger_as_json(missing: list[Any]) -> None:
    result = run("ledger", ledger([ACCOUNT], missing), "--json")

    assert result.exit_code == bool(missing)
    assert json.loads(result.stdout) == {"accounts": [ACCOUNT], "missing": missing}


def test_a_day_without_a_zone_is_sent_as_utc() -> None:
    with serving(ledger([], [])) as (url, requests):
        CliRunner().invoke(app, ["ledger", "--api", url, "--admin-token", "new", "--since", "2026-01-31"])

    assert requests[0] == ("/api/ledger", {"since": ["2026-01-31T00:00:00+00:00"]})


def test_errors_are_printed_as_sentences() -> None:
    unavailable = CliRunner().invoke(app, ["ledger", "--api", "http://127.0.0.1:9/api", "--admin-token", "new"])
    refused = run("ledger", ledger([], []), token="wrong")
    no_time = run("ledger", ledger([], []), "--since", "yesterday")

    assert [result.exit_code for result in (unavailable, refused, no_time)] == [1, 1, 1]
    assert "does not respond" in unavailable.stderr
    assert "401" in refused.stderr
    assert "'yesterday' is not a time" in no_time.stderr
    assert not any("Traceback" in result.output for result in (unavailable, refused, no_time))


def verification(*lines: Any) -> Responses:
    return {"/api/verify": (200, "".join(json.dumps(line) + "\n" for line in lines))}


def test_verify_prints_a_line_per_user_and_the_total() -> None:
    result = run("verify", verification(USER, TOTAL))

    assert result.exit_code == 0
    user, total = result.stdout.splitlines()
    assert user.split() == ["aa", "2", "conversations", "30", "messages", "user-1"]
    assert total.split() == ["bb", "1", "users", "in", "total"]


def test_a_program_gets_the_lines_as_json() -> None:
    result = run("verify", verification(USER, TOTAL), "--json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == [USER, TOTAL]


@pytest.mark.parametrize(("expected", "status"), [("bb", 0), ("cc", 1)])
def test_two_systems_are_compared_by_the_total(expected: str, status: int) -> None:
    result = run("verify", verification(USER, TOTAL), "--expect", expected)

    assert result.exit_code == status
    assert ("the content differs" in result.stderr) == bool(status)


def test_verify_can_be_limited_to_one_user() -> None:
    with serving(verification(TOTAL)) as (url, requests):
        CliRunner().invoke(app, ["verify", "--api", url, "--admin-token", "new", "--user", "user-1"])

    assert requests == [("/api/verify", {"user_id": ["user-1"]})]


def test_a_response_that_was_cut_off_is_an_error() -> None:
    result = run("verify", verification(USER))

    assert result.exit_code == 1
    assert "cut off" in result.stderr


def run_group(group: str, command: str, responses: Responses) -> Result:
    with serving(responses) as (url, _):
        return CliRunner().invoke(app, [group, command, "--api", url, "--admin-token", "new"])


def test_a_rotation_that_never_ends_says_which_stores_to_restart() -> None:
    batch = {"key_id": "aa", "examined": 3, "rotated": 1, "undecryptable": [], "next_cursor": None}
    result = run_group("keys", "rotate", {"/api/keys/rotate": (200, json.dumps(batch))})

    assert result.exit_code == 1
    assert "Restart every store with the new key first" in result.stderr
    assert "needs an older key" not in result.stdout


@pytest.mark.parametrize("lines", ["", "[]", '{"number":1,"hash":"00","pruned_number":0,"pruned_hash":"00"}'])
def test_an_audit_log_that_was_cut_off_is_not_called_broken(lines: str) -> None:
    result = run_group("audit", "verify", {"/api/audit/chain": (200, lines)})

    assert (result.exit_code, result.stdout) == (1, "")
    assert "cut off" in result.stderr
