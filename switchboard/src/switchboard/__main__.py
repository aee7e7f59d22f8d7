"""The command `switchboard`."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from shared.errors import StartupRefused
from shared.observability import logs
from shared.security.admin_tokens import first_token
from shared.security.app_secrets import first_secret
from shared.settings import ENV_PREFIX
from simulator.script import Kinds
from store.migrations import migrate as migrate_database
from store.migrations.grants import role_of
from switchboard import audit, keys, tokens
from switchboard.broker_definitions import broker_definitions
from switchboard.build import build_inbox, is_built
from switchboard.command_line import DEFAULT_API, AdminToken, ApiUrl, report, sentences
from switchboard.ledger import conclusion, ignored_kinds, read_ledger, table
from switchboard.listen import listen as run_listen
from switchboard.parked import ParkedItems
from switchboard.provision.chromium import choose_chromium
from switchboard.provision.nginx import choose_nginx
from switchboard.provision.rabbitmq import choose_server, find_rabbitmq_server
from switchboard.simulate import Simulation
from switchboard.simulate import simulate as run_simulate
from switchboard.up import Options
from switchboard.up import up as run_up
from switchboard.verify import verify as run_verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A realtime inbox for Messenger, Instagram and WhatsApp. "
    "Settings come from environment variables, SWITCHBOARD_*; .env.example lists them.",
)
parked = typer.Typer(no_args_is_help=True, help="List, inspect and replay events that could not be processed.")
app.add_typer(parked, name="parked")
app.add_typer(audit.commands, name="audit")
app.add_typer(tokens.commands, name="token")
app.add_typer(keys.commands, name="keys")


@app.command()
def up(
    *,
    port: Annotated[
        int, typer.Option(help="Port that serves everything; 0 picks a free one.", min=0, max=65535)
    ] = 8080,
    processes: Annotated[
        bool, typer.Option("--processes", help="Run each service in its own process, on RabbitMQ.")
    ] = False,
    json_line: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
    data_dir: Annotated[Path, typer.Option(help="Folder for data, logs and generated secrets.")] = Path(".switchboard"),
    graph_url: Annotated[str | None, typer.Option(help="Use this Graph API instead of the simulated one.")] = None,
    simulator: Annotated[bool, typer.Option(help="Let simulated customers write.")] = True,
) -> None:
    """Run the whole system on this machine, in the foreground, until Ctrl-C.

    Starts an embedded Postgres unless DATABASE_URL is set. One process needs no RabbitMQ; --processes starts a private
    node of the installed server unless AMQP_URL is set.
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
    with sentences():
        uvloop.run(run_up(options, os.environ, report=report))


@app.command()
def migrate(
    database_url: Annotated[
        str, typer.Option(envvar=[f"{ENV_PREFIX}DATABASE_URL", "DATABASE_URL"], help="postgresql://… of the store.")
    ],
    owner_url: Annotated[
        str,
        typer.Option(envvar=f"{ENV_PREFIX}MIGRATION_DATABASE_URL", help="The same with the owner of the tables."),
    ] = "",
) -> None:
    """Migrate the database to this version's schema. Safe to repeat, and to run several times at once.

    With an owner, the store's role is granted what it needs: reading and writing rows, and nothing of the schema.
    """
    with sentences():
        store_role = role_of(database_url) if owner_url else None
        migrating = migrate_database(owner_url or database_url, store_role=store_role, progress=report)
        typer.echo(f"The schema is at revision {asyncio.run(migrating)}.")


@app.command("broker-definitions")
def broker_definitions_command(
    passwords: Annotated[Path, typer.Argument(help="JSON, passwords by account; missing ones are generated.")] = Path(
        "broker-passwords.json"
    ),
) -> None:
    """Print RabbitMQ's definitions: an account per service with its rights, and every exchange and queue."""
    with sentences():
        typer.echo(broker_definitions(passwords), nl=False)


@app.command("build-inbox")
def build_inbox_page(
    *,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Build only if the sources have changed; a failure is only a warning.")
    ] = False,
) -> None:
    """Build the inbox page, with the installed Node or one from a Python wheel."""
    if if_needed and is_built():
        return
    with sentences():
        try:
            typer.echo(f"Built the inbox in {build_inbox(report=report)}")
        except StartupRefused as refused:
            if not if_needed:
                raise
            report(f"{refused}\nContinuing without the inbox page. Everything else works.")


@app.command()
def provision() -> None:
    """Check for the servers that `up --processes` and the tests need, and install what is missing where possible."""
    with sentences():
        if os.environ.get("AMQP_URL"):
            typer.echo("RabbitMQ: the one in AMQP_URL.")
        else:
            choose_server(Path(".switchboard"), may_install=True)
            typer.echo(f"RabbitMQ: {find_rabbitmq_server() or 'not installed, a container is used'}.")
        has_database = bool(os.environ.get("DATABASE_URL"))
        typer.echo(f"Postgres: {'the one in DATABASE_URL' if has_database else 'the embedded one'}.")
        typer.echo(f"Browser: {choose_chromium(may_install=True)}.")
        typer.echo(f"nginx: {choose_nginx(may_install=True)}.")


@app.command()
def simulate(
    webhooks: Annotated[str, typer.Option(help="URL to post to, ending in /webhooks.")],
    app_secret: Annotated[
        str, typer.Option(envvar=f"{ENV_PREFIX}APP_SECRETS", help="The secret that signs the webhooks.")
    ],
    *,
    api: ApiUrl = DEFAULT_API,
    admin_token: AdminToken,
    user_id: Annotated[str, typer.Option(help="The user whose pages the customers write to.")] = "demo",
    rate: Annotated[float, typer.Option(help="Webhooks per second.", min=0.01, max=5000)] = 5.0,
    number: Annotated[int, typer.Option(help="How many webhooks to send.", min=1)] = 100,
    customers: Annotated[int, typer.Option(help="How many customers write.", min=1)] = 24,
    seed: Annotated[int, typer.Option(help="The same seed produces the same webhooks.")] = 1,
    duplicates: Annotated[float, typer.Option(help="Share of webhooks that are sent twice.", min=0, max=1)] = 0.0,
    shuffle: Annotated[int, typer.Option(help="How many places a webhook may move.", min=0)] = 0,
    batch: Annotated[int, typer.Option(help="Maximum number of items per webhook.", min=1, max=100)] = 1,
    kinds: Annotated[
        Kinds, typer.Option(help="`all`: everything people do. `text`: only customers' texts, one per webhook.")
    ] = "all",
) -> None:
    """Let simulated customers write to a user's pages. Webhooks are signed and retried as the platforms do."""
    simulation = Simulation(
        webhooks_url=webhooks,
        app_secret=first_secret(app_secret),
        api_url=api,
        admin_token=first_token(admin_token),
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
    with sentences():
        typer.echo(uvloop.run(run_simulate(simulation, report=report)))


@app.command()
def listen(
    url: Annotated[str, typer.Argument(help="ws://…/ws/USER?token=…, as printed by `up`.")],
    after: Annotated[int | None, typer.Option(help="Start after this seq. Default: now.")] = None,
) -> None:
    """Print a user's messages as they arrive. Reconnects and resumes, so none is missed."""
    with sentences():
        uvloop.run(run_listen(url, after=after, write=typer.echo, report=report))


@app.command()
def ledger(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    since: Annotated[str | None, typer.Option(help="Only what was received since, e.g. 2026-01-31.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    sample: Annotated[int, typer.Option(help="How many incomplete webhooks to list.", min=1, max=200)] = 20,
) -> None:
    """Account for every received item. Exits 1 if an item has been unaccounted for over a minute."""
    with sentences():
        report = read_ledger(api, first_token(admin_token), since=since, sample=sample)
        if json_lines:
            typer.echo(json.dumps({"accounts": report.accounts, "missing": report.missing}))
        else:
            kinds = ignored_kinds(report.accounts)
            ignored = [f"Ignored: {', '.join(f'{number} {kind}' for kind, number in kinds.items())}."] if kinds else []
            typer.echo("\n".join([*table(report.accounts), "", *ignored, *conclusion(report)]))
        if report.missing:
            raise typer.Exit(1)


@app.command()
def verify(
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    expect: Annotated[str | None, typer.Option(help="Exit 1 unless the total hash equals this one.")] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per user and one for the total.")
    ] = False,
) -> None:
    """Hash each user's state. Equal hashes mean equal content, in whatever order the webhooks arrived."""

    def show(state: dict[str, Any]) -> None:
        counts = f"{state['conversations']:>8} conversations  {state['messages']:>10} messages"
        typer.echo(json.dumps(state) if json_lines else f"{state['hash']}  {counts}  {state['user_id']}")

    with sentences():
        total = run_verify(api, first_token(admin_token), user_id=user, on_user=show)
        typer.echo(json.dumps(total) if json_lines else f"{total['hash']}  {total['users']:>8} users in total")
        if expect is not None and total["hash"] != expect:
            report(f"switchboard: the content differs: expected the hash {expect}.")
            raise typer.Exit(1)


@parked.command("list")
def parked_list(api: ApiUrl = DEFAULT_API, *, admin_token: AdminToken, limit: int = 50) -> None:
    """List parked events, newest first."""
    with sentences():
        for item in ParkedItems(api, first_token(admin_token)).newest(limit=limit):
            state = f"replayed {item['replayed_at']}" if item["replayed_at"] else f"{item['attempts']} attempts"
            typer.echo(f"{item['id']}  {item['parked_at']}  {item['event_type'] or '?'}  {state}  {item['reason']}")


@parked.command("show")
def parked_show(item_id: str, api: ApiUrl = DEFAULT_API, *, admin_token: AdminToken) -> None:
    """Show one parked event with its reason and its original."""
    with sentences():
        typer.echo(json.dumps(ParkedItems(api, first_token(admin_token)).show(item_id), indent=2, ensure_ascii=False))


@parked.command("replay")
def parked_replay(
    item_ids: Annotated[list[str], typer.Argument(help="IDs, as shown by `list`.")],
    api: ApiUrl = DEFAULT_API,
    *,
    admin_token: AdminToken,
    execute: Annotated[
        bool, typer.Option("--execute", help="Replay them; without this option, only show what would happen.")
    ] = False,
) -> None:
    """Put parked events back into the pipeline, where they are processed as if they were new."""
    items = ParkedItems(api, first_token(admin_token))
    with sentences():
        if not execute:
            for item_id in item_ids:
                item = items.show(item_id)
                typer.echo(f"would replay {item_id}  {item['event_type'] or '?'}  {item['reason']}")
            typer.echo("Nothing was replayed. Add --execute to replay.")
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
