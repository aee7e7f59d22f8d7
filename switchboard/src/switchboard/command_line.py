"""What the commands share: their options, and how they report errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from shared.errors import SwitchboardError
from shared.settings import ENV_PREFIX, InvalidSettings

ApiUrl = Annotated[
    str, typer.Option("--api", envvar=f"{ENV_PREFIX}API_URL", help="URL of the REST API, ending in /api.")
]
AdminToken = Annotated[str, typer.Option("--admin-token", envvar=f"{ENV_PREFIX}ADMIN_TOKENS", help="An admin token.")]
DEFAULT_API = "http://127.0.0.1:8080/api"


@contextmanager
def sentences() -> Iterator[None]:
    """Print expected errors as sentences and exit 1; tracebacks are for bugs."""
    problems: list[str] = []
    try:
        yield
    except* (SwitchboardError, InvalidSettings, OSError) as errors:
        problems = [str(error) for error in leaves(errors)]
    for problem in problems:
        report(f"switchboard: {problem}")
    if problems:
        raise typer.Exit(1)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the errors inside `group`, at any depth."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def report(line: str) -> None:
    """Print a line for people, beside the output."""
    typer.echo(line, err=True)
