"""The addresses of a running system, for programs (one line of JSON) and for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

DEMO_USER = "demo"
DEMO_TOKEN_TTL = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """URLs have no trailing slash; `pids` are the processes that a test may kill."""

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
    """Base URL of `/healthz`, `/readyz` and `/metrics`, by service."""


def as_json(addresses: Addresses) -> str:
    """Return the line that `up --json` prints when the system is ready."""
    return json.dumps(asdict(addresses))


def as_text(addresses: Addresses, *, demo_token: str, simulated: bool, command: str, seconds: float) -> str:
    """Return what `up` prints when the system is ready: all addresses, and commands to copy."""
    customers = "Simulated customers are writing." if simulated else "The simulator is off: send it webhooks."
    return f"""
Switchboard is ready after {seconds:.1f} s. {customers}

  Inbox      {addresses.inbox}/#token={demo_token}

  Webhooks   {addresses.webhooks}/{{facebook,instagram,whatsapp}}
  REST       {addresses.api}
  WebSocket  {addresses.ws}/{DEMO_USER}
  Graph API  {addresses.graph}
  Token      {demo_token}

List the conversations of the user "{DEMO_USER}":

  curl -s -H 'Authorization: Bearer {demo_token}' '{addresses.api}/conversations?limit=5'

Print every message as it arrives:

  {command} listen '{addresses.ws}/{DEMO_USER}?token={demo_token}'

Press Ctrl-C to stop. `switchboard --help` lists more commands.
"""
