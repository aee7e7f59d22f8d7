"""Runs one service on RabbitMQ as a process, from its settings to its exit status."""

import argparse
import asyncio
import signal
import sys
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, Protocol, TypeVar

import structlog
import uvloop
from prometheus_client import REGISTRY, CollectorRegistry

from shared.errors import StartupRefused
from shared.messaging.ports import Broker
from shared.messaging.rabbitmq import RabbitBroker
from shared.observability import logs
from shared.settings import InvalidSettings, ServiceSettings, load

log = structlog.get_logger(__name__)
SettingsT_contra = TypeVar("SettingsT_contra", bound=ServiceSettings, contravariant=True)


class Lifespan(Protocol[SettingsT_contra]):
    """A service's `app.lifespan`: the service works while the context lasts, and finishes its work when it is left."""

    def __call__(
        self, settings: SettingsT_contra, broker: Broker, *, registry: CollectorRegistry
    ) -> AbstractAsyncContextManager[dict[str, int]]:
        """Return the context; it yields the service's ports by name."""


async def stop_signal() -> signal.Signals:
    """Wait for SIGINT or SIGTERM, and return which it was."""
    loop = asyncio.get_running_loop()
    received: asyncio.Future[signal.Signals] = loop.create_future()

    def on_signal(which: signal.Signals) -> None:
        if not received.done():
            received.set_result(which)

    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, on_signal, which)
    try:
        return await received
    finally:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(which)


def run_as_process(name: str, settings_class: type[Any], lifespan: Lifespan[Any], *, description: str) -> None:
    """Run a service on RabbitMQ until SIGINT or SIGTERM.

    Exits with 2 if the settings are unusable and with 3 if the service must not start, and says why on standard error.

    Args:
        name: of the service's package.
        settings_class: read from the environment.
        lifespan: see `Lifespan`.
        description: shown by `--help`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=description,
        epilog="Settings are read from environment variables SWITCHBOARD_*; .env.example lists them all.",
    )
    parser.parse_args()
    try:
        settings: ServiceSettings = load(settings_class)
    except InvalidSettings as problem:
        _refuse(2, f"{name} cannot start:\n{problem}")
    if settings.amqp_url is None:
        _refuse(2, f"{name} cannot start:\nSWITCHBOARD_AMQP_URL: is not set; a service that runs alone needs RabbitMQ.")
    logs.configure(name, level=settings.log_level, style=settings.log_format)
    try:
        uvloop.run(_until_stopped(name, settings, lifespan))
    except* StartupRefused as refusals:
        _refuse(3, "\n".join(f"{name} cannot start: {refusal}" for refusal in refusals.exceptions))


def _refuse(status: int, why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(status)


async def _until_stopped(name: str, settings: ServiceSettings, lifespan: Lifespan[Any]) -> None:
    stopping = asyncio.create_task(stop_signal())
    async with (
        RabbitBroker(str(settings.amqp_url), name=name, registry=REGISTRY) as broker,
        lifespan(settings, broker, registry=REGISTRY) as ports,
    ):
        log.info("started", **ports)
        which = await stopping
        log.info("stopping", signal=which.name)
    log.info("stopped")
