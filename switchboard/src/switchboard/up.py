"""`switchboard up`: the whole system on one machine, in the foreground."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr
from starlette.applications import Starlette

from shared.errors import StartupRefused
from shared.http.server import serving
from shared.messaging.topology import ROLES
from shared.process import stop_signal
from shared.security.user_tokens import mint
from shared.settings import ENV_PREFIX
from simulator import FaultSwitch, Page, connect_pages, demo_customers, demo_pages, graph_app, running_simulation
from simulator.delivery import http_client
from store.migrations import migrate
from switchboard.addresses import DEMO_TOKEN_TTL, DEMO_USER, Addresses, as_json, as_text
from switchboard.credentials import Credentials, load_or_create, minted_claims, real_credentials, service_settings
from switchboard.dev_proxy import dev_proxy
from switchboard.inbox_page import USER_CLAIM, built_inbox, embedding_origins, inbox_app, media_hosts
from switchboard.pid_file import PidFile
from switchboard.private_files import owner_only_folder
from switchboard.provision.postgres import embedded_postgres
from switchboard.provision.rabbitmq import private_rabbitmq
from switchboard.security_txt import security_contact
from switchboard.separate_processes import OPERATIONS, separate_processes
from switchboard.single_process import single_process

DEFAULT_GRAPH_URL = "https://graph.facebook.com"
_SEED = 7
_CUSTOMERS = 24
_MESSAGES_PER_SECOND = 1.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command line."""

    data_dir: Path
    port: int
    processes: bool
    json: bool
    graph_url: str | None
    simulator: bool


@dataclass(frozen=True, kw_only=True)
class _Launch:
    """What is known before the services start."""

    options: Options
    environment: Mapping[str, str]
    credentials: Credentials
    graph_url: str
    pid_file: PidFile
    report: Callable[[str], None]


@dataclass(frozen=True)
class Services:
    """The services' ports, by name."""

    ports: Mapping[str, int]

    @property
    def routes(self) -> dict[str, int]:
        """Ports by path prefix, for the proxy; `/internal` is not among them."""
        return {
            "/webhooks": self.ports["ingest"],
            "/api": self.ports["store"],
            "/api/media": self.ports["enricher"],
            "/ws": self.ports["gateway"],
            "/sse": self.ports["gateway_sse"],
        }

    @property
    def draining_ports(self) -> Collection[int]:
        """The ports with long-lived connections, whose service tells each client when to reconnect."""
        return self.ports["gateway"], self.ports["gateway_sse"]


async def up(options: Options, environment: Mapping[str, str], *, report: Callable[[str], None]) -> None:
    """Run the system until SIGINT or SIGTERM; `report` is called with each step, as a sentence.

    Raises:
        StartupRefused: it cannot run; the text says what to do.
    """
    stop = asyncio.create_task(stop_signal())
    await asyncio.sleep(0)  # installs the signal handlers before Postgres blocks the loop for a second
    running = asyncio.create_task(_run(options, environment, report))
    await asyncio.wait((running, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not running.done():
        report("Stopping …")
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def _run(options: Options, environment: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Start everything in order, announce it, and run until cancelled; then stop everything in reverse order."""
    started = time.monotonic()
    if options.simulator and (real := real_credentials(environment)):
        raise StartupRefused(
            f"{' and '.join(real)} hold credentials of a real platform, so the simulator must not run: "
            "add --no-simulator, or unset them."
        )
    inbox = inbox_app(
        built_inbox(environment),
        origins=embedding_origins(environment),
        hosts=media_hosts(environment),
        security_contact=security_contact(environment),
        user_claim=environment.get(USER_CLAIM) or "sub",
    )
    owner_only_folder(log_dir(options))
    credentials = load_or_create(options.data_dir, environment)
    pid_file = PidFile(options.data_dir / "pids.json")
    async with AsyncExitStack() as stack:
        stack.callback(pid_file.remove)
        pid_file.update({"switchboard": os.getpid()})
        pages = demo_pages()
        graph = graph_app(demo_customers(pages, seed=_SEED, customers=_CUSTOMERS), FaultSwitch())
        graph_port = await stack.enter_async_context(_serving(graph)) if options.simulator else None
        graph_url = options.graph_url or (f"http://127.0.0.1:{graph_port}" if graph_port else DEFAULT_GRAPH_URL)
        launch = _Launch(
            options=options,
            environment=environment,
            credentials=credentials,
            graph_url=graph_url,
            pid_file=pid_file,
            report=report,
        )
        routes: dict[str, int] = {}
        proxy, front_port = await stack.enter_async_context(dev_proxy(routes, host="127.0.0.1", port=options.port))
        inbox_port = await stack.enter_async_context(_serving(inbox))
        services = await _enter_services(stack, launch)
        stack.callback(proxy.stop, all_but=services.draining_ports)
        routes |= services.routes | {"/": inbox_port}
        routes |= {"/avatars": graph_port, "/media": graph_port} if graph_port else {}
        addresses = _addresses(services, front_port, launch)
        graph.state.public_url = addresses.inbox
        if options.simulator:
            await stack.enter_async_context(_customers(addresses, pages, credentials))
        _announce(addresses, launch, seconds=time.monotonic() - started)
        await asyncio.Event().wait()


async def _enter_services(stack: AsyncExitStack, launch: _Launch) -> Services:
    """Start Postgres and RabbitMQ unless they are given or not needed, then the services; return their ports."""
    options, environment, pid_file, report = launch.options, launch.environment, launch.pid_file, launch.report
    database_url = environment.get("DATABASE_URL") or environment.get(f"{ENV_PREFIX}DATABASE_URL")
    if not database_url:
        report("Starting Postgres …")
        postgres = stack.enter_context(embedded_postgres(options.data_dir / "postgres"))
        database_url = postgres.url
        pid_file.update({"postgres": postgres.pid or 0})
    await migrate(database_url, progress=report)
    amqp_url = environment.get("AMQP_URL") or environment.get(f"{ENV_PREFIX}AMQP_URL")
    amqp_urls: dict[str, str] = {}
    if options.processes and not amqp_url:
        report("Starting RabbitMQ …")
        rabbitmq = await stack.enter_async_context(private_rabbitmq(options.data_dir / "rabbitmq"))
        amqp_urls = {service: rabbitmq.url_of(service) for service in ROLES}
        pid_file.update({"rabbitmq": rabbitmq.pid})
    values = service_settings(
        environment, launch.credentials, database_url=database_url, amqp_url=amqp_url, graph_url=launch.graph_url
    )
    report("Starting the services …")
    if options.processes:
        ports = await stack.enter_async_context(
            separate_processes(
                environment,
                values,
                amqp_urls=amqp_urls,
                log_dir=log_dir(options),
                pid_file=pid_file,
            )
        )
    else:
        ports = await stack.enter_async_context(single_process(values, amqp_url=amqp_url))
    return Services(ports)


def log_dir(options: Options) -> Path:
    """Return the folder of the service processes' logs."""
    return options.data_dir / "logs"


def _serving(app: Starlette) -> AbstractAsyncContextManager[int]:
    return serving(app, host="127.0.0.1", port=0, grace_seconds=1)


@asynccontextmanager
async def _customers(addresses: Addresses, pages: Sequence[Page], credentials: Credentials) -> AsyncIterator[None]:
    """Connect the demo pages, and let simulated customers write to them."""
    async with http_client(connections=4) as http:
        await connect_pages(
            http,
            pages,
            api_url=addresses.api,
            admin_token=SecretStr(credentials.admin_token),
            user_id=DEMO_USER,
        )
    secret = SecretStr(credentials.app_secret)
    async with running_simulation(
        addresses.webhooks,
        secret,
        pages,
        rate=_MESSAGES_PER_SECOND,
        seed=_SEED,
        customers=_CUSTOMERS,
        media_url=addresses.inbox,
    ):
        yield


def _addresses(services: Services, front_port: int, launch: _Launch) -> Addresses:
    """Return the addresses: one origin, or with `--processes` each service's own port, without the proxy."""
    front = f"127.0.0.1:{front_port}"
    direct = services.ports if launch.options.processes else dict.fromkeys(services.ports, front_port)
    return Addresses(
        webhooks=f"http://127.0.0.1:{direct['ingest']}/webhooks",
        api=f"http://127.0.0.1:{direct['store']}/api",
        ws=f"ws://127.0.0.1:{direct['gateway']}/ws",
        sse=f"http://127.0.0.1:{direct['gateway_sse']}/sse",
        inbox=f"http://{front}",
        graph=launch.graph_url,
        app_secret=launch.credentials.app_secret,
        verify_token=launch.credentials.verify_token,
        admin_token=launch.credentials.admin_token,
        pids=dict(launch.pid_file.pids),
        operations={name: f"http://127.0.0.1:{services.ports[port]}" for name, port in OPERATIONS.items()},
    )


def _announce(addresses: Addresses, launch: _Launch, *, seconds: float) -> None:
    options = launch.options
    if options.json:
        print(as_json(addresses), flush=True)
        return
    token, _ = mint(
        SecretStr(launch.credentials.jwt_secret),
        DEMO_USER,
        now=datetime.now(UTC),
        ttl=DEMO_TOKEN_TTL,
        token_id=uuid4().hex,
        claims=minted_claims(launch.environment),
    )
    text = as_text(addresses, demo_token=token, simulated=options.simulator, command=sys.argv[0], seconds=seconds)
    print(text, flush=True)
