"""The command `switchboard`."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from shared.errors import StartupRefused, SwitchboardError
from shared.observability import logs
from shared.settings import ENV_PREFIX, InvalidSettings
from simulator.script import Kinds
from store.migrations import migrate as migrate_database
from switchboard import listen as listening
from switchboard import simulate as simulating
from switchboard.build import build_inbox, is_built
from switchboard.ledger import conclusion, ignored_kinds, read_books, table
from switchboard.parked import ParkedItems
from switchboard.provision.chromium import choose_chromium
from switchboard.provision.rabbitmq import choose_server, find_rabbitmq_server
from switchboard.up import Options
from switchboard.up import up as run_up
from switchboard.verify import verify as run_verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Webhooks of Messenger, Instagram and WhatsApp in, every message on the right user's screen. "
    "Settings come from the environment, SWITCHBOARD_*; .env.example lists them.",
)
parked = typer.Typer(no_args_is_help=True, help="What was given up, why, and giving it another try.")
app.add_typer(parked, name="parked")

ApiUrl = Annotated[str, typer.Option("--api", envvar=f"{ENV_PREFIX}API_URL", help="REST API, ending in /api.")]
AdminToken = Annotated[str, typer.Option("--admin-token", envvar=f"{ENV_PREFIX}ADMIN_TOKENS", help="An admin token.")]
DEFAULT_API = "http://127.0.0.1:8080/api"


@contextmanager
def _sentences() -> Iterator[None]:
    """Say what went wrong in a sentence, and exit 1: a traceback is for bugs."""
    problems: list[str] = []
    try:
        yield
    except* (SwitchboardError, InvalidSettings, OSError) as errors:
        problems = [str(error) for error in leaves(errors)]
    for problem in problems:
        _say(f"switchboard: {problem}")
    if problems:
        raise typer.Exit(1)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the errors inside `group`, however deep."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def _say(line: str) -> None:
    typer.echo(line, err=True)


@app.command()
def up(
    *,
    port: Annotated[int, typer.Option(help="Port of the front door; 0 picks a free one.", min=0, max=65535)] = 8080,
    processes: Annotated[bool, typer.Option("--processes", help="Each service a process, on real RabbitMQ.")] = False,
    json_line: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready, nothing else.")] = False,
    data_dir: Annotated[Path, typer.Option(help="Where data, logs and made-up secrets are kept.")] = Path(
        ".switchboard"
    ),
    graph_url: Annotated[str | None, typer.Option(help="Another Graph API than the simulated one.")] = None,
    simulator: Annotated[bool, typer.Option(help="Let made-up customers write.")] = True,
) -> None:
    """Run the whole system on this machine, in the foreground, until Ctrl-C.

    Postgres is the embedded one unless DATABASE_URL is set; RabbitMQ is not needed in one process, and a private node
    of the installed server is started for --processes unless AMQP_URL is set.
    """
    options = Options(
        data_dir=data_dir.resolve(),
        port=port,
        processes=processes,
        json=json_line,
        graph_url=graph_url,
        simulator=simulator,
    )
    logs.configure("switchboard", level=os.environ.get(f"{ENV_PREFIX}LOG_LEVEL", "warning"), style="console")
    with _sentences():
        uvloop.run(run_up(options, os.environ, say=_say))


@app.command()
def migrate(
    database_url: Annotated[
        str, typer.Option(envvar=[f"{ENV_PREFIX}DATABASE_URL", "DATABASE_URL"], help="postgresql://…")
    ],
) -> None:
    """Bring the database to this version's schema; safe to repeat, and for several at once."""
    with _sentences():
        revision = asyncio.run(migrate_database(database_url, progress=_say))
        typer.echo(f"The schema is at {revision}.")


@app.command("build-inbox")
def build_inbox_page(
    *,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Only when there is none of these sources; failing is no error.")
    ] = False,
) -> None:
    """Build the inbox page with the Node that is here, else with one from a Python wheel."""
    if if_needed and is_built():
        return
    with _sentences():
        try:
            typer.echo(f"The inbox is built: {build_inbox(say=_say)}")
        except StartupRefused as refused:
            if not if_needed:
                raise
            _say(f"{refused}\nGoing on without the inbox page: everything else runs.")


@app.command()
def provision() -> None:
    """Check that what `up --processes` and the tests need is here, and install what can be installed."""
    with _sentences():
        if os.environ.get("AMQP_URL"):
            typer.echo("RabbitMQ: AMQP_URL is set.")
        else:
            choose_server(Path(".switchboard"), may_install=True)
            typer.echo(f"RabbitMQ: {find_rabbitmq_server() or 'none is installed; a container will be run'}.")
        given = os.environ.get("DATABASE_URL")
        typer.echo(f"Postgres: {'DATABASE_URL is set' if given else 'the embedded one'}.")
        typer.echo(f"Browser: {choose_chromium(may_install=True)}.")


@app.command()
def simulate(
    webhooks: Annotated[str, typer.Option(help="Where to post, ending in /webhooks.")],
    app_secret: Annotated[str, typer.Option(envvar=f"{ENV_PREFIX}APP_SECRETS", help="Signs the webhooks.")],
    *,
    api: ApiUrl = DEFAULT_API,
    admin_token: AdminToken,
    user_id: Annotated[str, typer.Option(help="Whose pages the customers write to.")] = "demo",
    rate: Annotated[float, typer.Option(help="Webhooks a second.", min=0.01, max=5000)] = 5.0,
    number: Annotated[int, typer.Option(help="How many webhooks in all.", min=1)] = 100,
    customers: Annotated[int, typer.Option(min=1)] = 24,
    seed: int = 1,
    duplicates: Annotated[float, typer.Option(help="Share of webhooks sent twice.", min=0, max=1)] = 0.0,
    shuffle: Annotated[int, typer.Option(help="How far webhooks may change places.", min=0)] = 0,
    batch: Annotated[int, typer.Option(help="Most items a webhook.", min=1, max=100)] = 1,
    kinds: Annotated[
        Kinds, typer.Option(help="All that people do, or customers' text messages alone: one new message a webhook.")
    ] = "all",
) -> None:
    """Let made-up customers write to pages of a user, signed, sent and retried as the platforms do."""
    order = simulating.Order(
        webhooks_url=webhooks,
        app_secret=app_secret.split(",")[0],
        api_url=api,
        admin_token=admin_token.split(",")[0],
        user_id=user_id,
        per_second=rate,
        number=number,
        customers=customers,
        seed=seed,
        duplicates=duplicates,
        shuffle=shuffle,
        batch=batch,
        kinds=kinds,
    )
    with _sentences():
        typer.echo(uvloop.run(simulating.simulate(order, say=_say)))


@app.command()
def listen(
    url: Annotated[str, typer.Argument(help="ws://…/ws/USER?token=…, as `up` prints it.")],
    after: Annotated[int | None, typer.Option(help="Begin after this seq; now when left out.")] = None,
) -> None:
    """Print a user's messages as they come; reconnects and resumes, so that none is missed."""
    with _sentences():
        uvloop.run(listening.listen(url, after=after, write=typer.echo, say=_say))


@app.command()
def ledger(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    since: Annotated[str | None, typer.Option(help="Only what was received since then, e.g. 2026-01-31.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    sample: Annotated[int, typer.Option(help="Most webhooks to name that miss something.", min=1, max=200)] = 20,
) -> None:
    """Say of every item that came in where it is; exit 1 when one is nowhere for over a minute."""
    with _sentences():
        books = read_books(api, admin_token.split(",")[0], since=since, sample=sample)
        if json_lines:
            typer.echo(json.dumps({"accounts": books.accounts, "missing": books.missing}))
        else:
            kinds = ignored_kinds(books.accounts)
            ignored = [f"Ignored: {', '.join(f'{number} {kind}' for kind, number in kinds.items())}."] if kinds else []
            typer.echo("\n".join([*table(books.accounts), "", *ignored, *conclusion(books)]))
        if books.missing:
            raise typer.Exit(1)


@app.command()
def verify(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    expect: Annotated[str | None, typer.Option(help="Exit 1 unless the total is this hash, of another run.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print a line of JSON a user, and one of all.")] = False,
) -> None:
    """Hash all that is known: two systems with the same hash hold the same facts, whatever came when."""

    def show(state: dict[str, Any]) -> None:
        counts = f"{state['conversations']:>8} conversations  {state['messages']:>10} messages"
        typer.echo(json.dumps(state) if json_lines else f"{state['hash']}  {counts}  {state['user_id']}")

    with _sentences():
        total = run_verify(api, admin_token.split(",")[0], user_id=user, on_user=show)
        typer.echo(json.dumps(total) if json_lines else f"{total['hash']}  {total['users']:>8} users in all")
        if expect is not None and total["hash"] != expect:
            _say(f"switchboard: the facts are not the same: {expect} was expected.")
            raise typer.Exit(1)


@parked.command("list")
def parked_list(api: ApiUrl = DEFAULT_API, *, admin_token: AdminToken, limit: int = 50) -> None:
    """List what was given up, newest first."""
    with _sentences():
        for item in ParkedItems(api, admin_token.split(",")[0]).newest(limit=limit):
            state = f"replayed {item['replayed_at']}" if item["replayed_at"] else f"{item['attempts']} attempts"
            typer.echo(f"{item['id']}  {item['parked_at']}  {item['event_type'] or '?'}  {state}  {item['reason']}")


@parked.command("show")
def parked_show(item_id: str, api: ApiUrl = DEFAULT_API, *, admin_token: AdminToken) -> None:
    """Show one item with its reason and its original."""
    with _sentences():
        typer.echo(json.dumps(ParkedItems(api, admin_token.split(",")[0]).show(item_id), indent=2, ensure_ascii=False))


@parked.command("replay")
def parked_replay(
    item_ids: Annotated[list[str], typer.Argument(help="Ids, as `list` shows them.")],
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; without this, only show what would be.")] = False,
) -> None:
    """Put originals back into the pipeline, where they are handled as if they came for the first time."""
    items = ParkedItems(api, admin_token.split(",")[0])
    with _sentences():
        if not execute:
            for item_id in item_ids:
                item = items.show(item_id)
                typer.echo(f"would replay {item_id}  {item['event_type'] or '?'}  {item['reason']}")
            typer.echo("Nothing was done. Add --execute to replay.")
            return
        outcome = items.replay(item_ids)
        for item_id in outcome["replayed"]:
            typer.echo(f"replayed {item_id}")
        for refused in outcome["not_replayed"]:
            typer.echo(f"not replayed {refused['id']}: {refused['reason']}", err=True)
        if outcome["not_replayed"]:
            raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
