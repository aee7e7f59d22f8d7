"""Where a running system is reached, for programs (one line of JSON) and for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

DEMO_USER = "demo"
DEMO_TOKEN_TTL = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """URLs end without a slash; `pids` has the processes that a test may kill."""

    webhooks: str
    api: str
    ws: str
    sse: str
    inbox: str
    graph: str
    app_secret: str
    verify_token: str
    admin_token: str
    pids: Mapping[str, int]
    operations: Mapping[str, str]
    """Where each service answers `/healthz`, `/readyz` and `/metrics`."""


def as_json(addresses: Addresses) -> str:
    """Return the one line that `--json` prints when the system is ready."""
    return json.dumps(asdict(addresses))


def as_text(addresses: Addresses, *, demo_token: str, simulated: bool, command: str, seconds: float) -> str:
    """Return what a person sees: where everything is, and lines that work as they are printed."""
    customers = "Made-up customers are writing to it." if simulated else "Nothing is simulated: send it webhooks."
    return f"""
Switchboard is ready after {seconds:.1f} s. {customers}

  Inbox      {addresses.inbox}/#token={demo_token}

  Webhooks   {addresses.webhooks}/{{facebook,instagram,whatsapp}}
  REST       {addresses.api}
  WebSocket  {addresses.ws}/{DEMO_USER}
  Graph API  {addresses.graph}
  Token      {demo_token}

The conversations of the user "{DEMO_USER}":

  curl -s -H 'Authorization: Bearer {demo_token}' '{addresses.api}/conversations?limit=5'

Every message as it comes, until Ctrl-C:

  {command} listen '{addresses.ws}/{DEMO_USER}?token={demo_token}'

Stop with Ctrl-C. `switchboard --help` has more.
"""
