"""`switchboard token`: revokes users' tokens, over the REST API of a running store."""

from typing import Annotated
from urllib.parse import quote

import typer

from shared.security.admin_tokens import first_token
from switchboard.admin_api import AdminApi
from switchboard.command_line import DEFAULT_API, AdminToken, ApiUrl, sentences

commands = typer.Typer(no_args_is_help=True, help="Revoke users' tokens.")

User = Annotated[str, typer.Option("--user", help="Whose tokens they are.")]
TokenId = Annotated[
    str | None, typer.Option("--token-id", help="Only the token with this ID (jti); without it, all of the user.")
]


@commands.command()
def revoke(*, user: User, token_id: TokenId = None, api: ApiUrl = DEFAULT_API, admin_token: AdminToken) -> None:
    """Revoke one token of a user, or all that were issued until now. Their sockets are closed at once."""
    body = {"user_id": user} | ({} if token_id is None else {"token_id": token_id})
    with sentences():
        answer = AdminApi(api, first_token(admin_token)).request("POST", "/token-revocations", json=body)
    what = "all tokens" if token_id is None else f"token {token_id}"
    typer.echo(f"Revoked {what} of {user} that were issued before {answer['not_before']}.")


@commands.command()
def restore(*, user: User, token_id: TokenId = None, api: ApiUrl = DEFAULT_API, admin_token: AdminToken) -> None:
    """Withdraw a revocation: the tokens are accepted again until they expire."""
    parameters = {} if token_id is None else {"token_id": token_id}
    with sentences():
        AdminApi(api, first_token(admin_token)).request(
            "DELETE", f"/token-revocations/{quote(user, safe='')}", params=parameters
        )
    typer.echo(f"Tokens of {user} are accepted again within seconds.")
