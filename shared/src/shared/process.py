"""Being a process: one service on RabbitMQ, from its settings to its exit status."""

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


class RunService(Protocol[SettingsT_contra]):
    """A service's `running`: entered, it works; left, it has finished what it had begun. Yields its ports by name."""

    def __call__(
        self, settings: SettingsT_contra, broker: Broker, *, registry: CollectorRegistry
    ) -> AbstractAsyncContextManager[dict[str, int]]:
        """Return the context that the service works in."""


async def stop_signal() -> signal.Signals:
    """Return once the process is asked to stop (SIGINT or SIGTERM)."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[signal.Signals] = loop.create_future()

    def ask(which: signal.Signals) -> None:
        if not asked.done():
            asked.set_result(which)

    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, ask, which)
    try:
        return await asked
    finally:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(which)


def run_as_process(name: str, settings_class: type[Any], running: RunService[Any], *, description: str) -> None:
    """Be the process of one service on RabbitMQ, until SIGINT or SIGTERM.

    Exits 2 where the settings are unusable and 3 where the service must not start, with a sentence on standard error.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=description,
        epilog="Settings come from the environment, SWITCHBOARD_*; .env.example lists them all.",
    )
    parser.parse_args()
    try:
        settings: ServiceSettings = load(settings_class)
    except InvalidSettings as problem:
        _refuse(2, f"{name} cannot start:\n{problem}")
    if settings.amqp_url is None:
        _refuse(2, f"{name} cannot start:\nSWITCHBOARD_AMQP_URL: is not set; a service on its own needs RabbitMQ.")
    logs.configure(name, level=settings.log_level, style=settings.log_format)
    try:
        uvloop.run(_until_stopped(name, settings, running))
    except* StartupRefused as refusals:
        _refuse(3, "\n".join(f"{name} cannot start: {refusal}" for refusal in refusals.exceptions))


def _refuse(status: int, why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(status)


async def _until_stopped(name: str, settings: ServiceSettings, running: RunService[Any]) -> None:
    stopping = asyncio.create_task(stop_signal())
    async with (
        RabbitBroker(str(settings.amqp_url), name=name, registry=REGISTRY) as broker,
        running(settings, broker, registry=REGISTRY) as ports,
    ):
        log.info("started", **ports)
        which = await stopping
        log.info("stopping", signal=which.name)
    log.info("stopped")
