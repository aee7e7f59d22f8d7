"""`switchboard keys rotate`: encrypts all access tokens with the newest key, over the REST API of a running store."""

from collections.abc import Callable
from dataclasses import dataclass, field

import typer

from shared.errors import PermanentError
from shared.security.admin_tokens import first_token
from switchboard.admin_api import AdminApi
from switchboard.command_line import DEFAULT_API, AdminToken, ApiUrl, report, sentences

_TIMEOUT_SECONDS = 60.0
_MORE_PASSES = 2
"""Every token was rotated after the first; the next one proves it, and finds stores that still use another key."""

commands = typer.Typer(no_args_is_help=True, help="Rotate the keys that encrypt access tokens.")


class StoresDisagree(PermanentError):
    """The stores do not encrypt with the same key."""


@dataclass
class Pass:
    """One pass over all tokens."""

    examined: int = 0
    rotated: int = 0
    undecryptable: list[str] = field(default_factory=list)


def rotate_all(api: AdminApi, progress: Callable[[str], None]) -> Pass:
    """Encrypt all tokens with the newest key, then check that it is so.

    Returns:
        How many there are, how many were encrypted again, and whose token no key decrypts.

    Raises:
        DependencyUnavailable: the API does not respond. Run it again: it continues.
        StoresDisagree: a store still encrypts with another key.
        PermanentError: the API responds with an error.
    """
    key_id: list[str] = []
    first = _pass(api, key_id)
    progress(f"{first.rotated} of {first.examined} access tokens were encrypted again. Checking all of them.")
    rotated = first.rotated
    for _ in range(_MORE_PASSES):
        again = _pass(api, key_id)
        rotated += again.rotated
        if not again.rotated:
            return Pass(again.examined, rotated, again.undecryptable)
    raise StoresDisagree(
        "Tokens are still being encrypted with an older key. Restart every store with the new key first in "
        "SWITCHBOARD_ENCRYPTION_KEYS, then run this again."
    )


def _pass(api: AdminApi, key_id: list[str]) -> Pass:
    made = Pass()
    cursor: str | None = None
    while True:
        batch = api.request("POST", "/keys/rotate", params={} if cursor is None else {"cursor": cursor})
        made.examined += batch["examined"]
        made.rotated += batch["rotated"]
        made.undecryptable += batch["undecryptable"]
        key_id[:] = key_id or [batch["key_id"]]
        if batch["key_id"] != key_id[0]:
            raise StoresDisagree(
                "The stores have different first keys. Restart every store with the new key first in "
                "SWITCHBOARD_ENCRYPTION_KEYS, then run this again."
            )
        cursor = batch["next_cursor"]
        if cursor is None:
            return made


@commands.command("rotate")
def rotate(api: ApiUrl = DEFAULT_API, *, admin_token: AdminToken) -> None:
    """Encrypt all access tokens with the first of SWITCHBOARD_ENCRYPTION_KEYS. Says when the older keys may go.

    Safe while services run, and to interrupt and repeat. Exits 1 while a token still needs another key.
    """
    with sentences():
        with AdminApi(api, first_token(admin_token), timeout_seconds=_TIMEOUT_SECONDS) as client:
            done = rotate_all(client, report)
        typer.echo(f"{done.rotated} access tokens were encrypted again; {done.examined} in total.")
        if done.undecryptable:
            for page in done.undecryptable:
                typer.echo(f"no key decrypts the token of {page}")
            report("switchboard: Keep the older keys, add the missing one, or connect these pages again with a token.")
            raise typer.Exit(1)
        typer.echo(
            "No stored token needs an older key. Enrichers may hold tokens as they were for another minute. After "
            "that, remove\nthe older keys from SWITCHBOARD_ENCRYPTION_KEYS of stores and enrichers, and restart them. "
            "Keep the older keys for\nas long as you keep backups from before today, apart from them."
        )
