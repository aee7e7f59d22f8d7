"""Structured logs: JSON on stdout for machines, coloured text on stderr for people."""

import logging
import sys
from typing import Literal

import structlog


def configure(service: str, *, level: str, style: Literal["json", "console"]) -> None:
    """Send all logs, including those of libraries, through one renderer. Called once, by a process's entry point.

    Args:
        service: the name of the service, added to every line.
        level: the least severe level that is logged, for example "info".
        style: "json" for machines or "console" for people.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if style == "json" else structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(sys.stderr if style == "console" else sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.contextvars.bind_contextvars(service=service)
    # Their logs of requests and connections are noise, and not safe: URLs may contain tokens.
    for noisy in ("uvicorn.access", "websockets.server", "httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # They log a traceback for every lost connection, which our supervisor reports in one line.
    for repeating in ("aiormq", "aio_pika"):
        logging.getLogger(repeating).setLevel(logging.CRITICAL)
