"""`switchboard audit`: lists the audit log, and verifies its chain of hashes, over the REST API of a running store."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from shared.errors import DependencyUnavailable, PermanentError
from shared.security.admin_tokens import first_token
from store.core.audit import AuditRecord, ChainCheck, ChainEnd, ChainHead
from switchboard.admin_api import AdminApi
from switchboard.command_line import DEFAULT_API, AdminToken, ApiUrl, report, sentences

_TIMEOUT_SECONDS = 60.0
_MORE_ATTEMPTS = 2
_PROGRESS_RECORDS = 100_000

LineT = TypeVar("LineT")

commands = typer.Typer(no_args_is_help=True, help="List and verify the log of who did what.")


class InvalidPosition(PermanentError):
    """What should be `number:hash` is something else."""


@dataclass(frozen=True)
class Verdict:
    """What became of a verification."""

    records: int
    """How many records were verified."""
    position: str
    """The last of them, as `number:hash`."""
    broken: str | None
    """What is wrong with the first record that does not continue the chain; None: nothing."""


def verify_chain(
    api: AdminApi, known: Mapping[int, str], *, progress: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Read the whole log and recompute its hashes here, so that neither the store nor Postgres has to be trusted.

    Args:
        api: of the store.
        known: hashes that were written down elsewhere, by number.
        progress: called with the number of records verified, now and then.

    Raises:
        DependencyUnavailable: the API does not respond, or the response ends early.
        PermanentError: the API responds with an error.
    """
    head, verdict = _verify_once(api, known, progress)
    for _ in range(_MORE_ATTEMPTS):
        # Retention may have deleted records between the first line and those that follow.
        if verdict.broken is None or _head(api).pruned_number == head.pruned_number:
            break
        head, verdict = _verify_once(api, known, progress)
    return verdict


def _verify_once(api: AdminApi, known: Mapping[int, str], progress: Callable[[int], None]) -> tuple[ChainHead, Verdict]:
    with closing(api.lines("/audit/chain")) as lines:
        head = _decode(next(lines, ""), ChainHead)
        return head, _verdict(ChainCheck(head, known), lines, progress)


def _verdict(check: ChainCheck, lines: Iterator[str], progress: Callable[[int], None]) -> Verdict:
    broken = check.broken_start()
    previous = ""
    for line in lines:
        if previous and broken is None:
            broken = check.broken_by(_decode(previous, AuditRecord))
            if check.records % _PROGRESS_RECORDS == 0:
                progress(check.records)
        if broken is not None:
            return Verdict(check.records, check.position, broken)
        previous = line
    _decode(previous, ChainEnd)
    return Verdict(check.records, check.position, broken or check.broken_end())


def _head(api: AdminApi) -> ChainHead:
    with closing(api.lines("/audit/chain")) as lines:
        return _decode(next(lines, ""), ChainHead)


def _decode(line: str, kind: type[LineT]) -> LineT:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise DependencyUnavailable(
            "The response was cut off: Postgres may have become unavailable. Try again."
        ) from error


def parse_position(text: str) -> tuple[int, str]:
    """Return the number and the hash of `number:hash`.

    Raises:
        InvalidPosition: it is something else.
    """
    number, _, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(digest) == 64 and set(digest) <= set("0123456789abcdef")):  # noqa: PLR2004 - SHA-256 in hexadecimal
        raise InvalidPosition(f"{text.strip()[:80]!r} is not number:hash, as `switchboard audit verify` prints it.")
    return int(number), digest


@commands.command("verify")
def verify(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    expect: Annotated[
        list[str] | None, typer.Option(help="number:hash that was printed before; the log must still contain it.")
    ] = None,
    head_file: Annotated[
        Path | None,
        typer.Option(help="Expect the number:hash in this file, if it exists, and replace it by the new one."),
    ] = None,
) -> None:
    """Recompute the chain of hashes. Prints the last record as number:hash: keep it where the store cannot write.

    Exits 1 and names the first broken record if one was changed, removed, inserted or moved.
    """
    with sentences():
        texts = [*(expect or ()), *([head_file.read_text()] if head_file is not None and head_file.exists() else [])]
        known = dict(parse_position(text) for text in texts)
        with AdminApi(api, first_token(admin_token), timeout_seconds=_TIMEOUT_SECONDS) as client:
            verdict = verify_chain(client, known, progress=lambda records: report(f"{records:,} records verified."))
        if verdict.broken is not None:
            report(f"switchboard: the audit log is broken after {verdict.records} good records. {verdict.broken}")
            raise typer.Exit(1)
        if head_file is not None:
            replace(head_file, f"{verdict.position}\n")
        report(f"{verdict.records:,} records verified.")
        typer.echo(verdict.position)


def replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


@commands.command("list")
def list_records(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    actor: Annotated[str | None, typer.Option(help="Only this admin token or user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, e.g. account.connected.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's data.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before, e.g. 2026-01-31T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 50,
) -> None:
    """List who did what, the latest first."""
    filters = {"actor": actor, "action": action, "user_id": user, "since": since, "until": until, "limit": limit}
    with sentences():
        chosen = {name: value for name, value in filters.items() if value is not None}
        with AdminApi(api, first_token(admin_token)) as client:
            records = client.request("GET", "/audit", params=chosen)
        for record in records:
            details = " ".join(f"{name}={value}" for name, value in record["details"].items())
            whose = f"  user {record['user_id']}" if record["user_id"] is not None else ""
            typer.echo(
                f"{record['number']:>8}  {record['at']}  {record['actor_kind']} {record['actor']}  "
                f"{record['action']}  {record['target']}{whose}  {details}".rstrip()
            )
