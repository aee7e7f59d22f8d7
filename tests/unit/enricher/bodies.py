"""Webhook bodies as the platforms send them. A test states only the values that it is about."""

import json
from typing import Any

PAGE, CUSTOMER = "1041", "7000000000000001"
TIME = 1_767_355_200_000
"""2026-01-02 12:00:00 UTC, in milliseconds."""


def event(**changes: Any) -> dict[str, Any]:
    """A customer's text message on Messenger or Instagram."""
    default = {
        "sender": {"id": CUSTOMER},
        "recipient": {"id": PAGE},
        "timestamp": TIME,
        "message": {"mid": "m_1", "text": "hello"},
    }
    return {name: value for name, value in {**default, **changes}.items() if value is not None}


def echo(**changes: Any) -> dict[str, Any]:
    message = {"mid": "m_2", "text": "how can we help?", "is_echo": True, "app_id": 42}
    return event(**{"sender": {"id": PAGE}, "recipient": {"id": CUSTOMER}, "message": message, **changes})


def page(*events: Any, channel: str = "messaging", kind: str = "page", **entry: Any) -> dict[str, Any]:
    return {"object": kind, "entry": [{"id": PAGE, "time": TIME, channel: list(events), **entry}]}


def whatsapp(field: str = "messages", **value: Any) -> dict[str, Any]:
    frame = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001", "phone_number_id": PAGE},
    }
    change = {"field": field, "value": {**frame, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "900", "changes": [change]}]}


def whatsapp_text(**changes: Any) -> dict[str, Any]:
    default = {
        "from": "4915550002",
        "id": "wamid.1",
        "timestamp": "1767355200",
        "type": "text",
        "text": {"body": "hello"},
    }
    return {name: value for name, value in {**default, **changes}.items() if value is not None}


def contact(name: str = "Ada Lovelace", wa_id: str = "4915550002", **changes: Any) -> dict[str, Any]:
    return {"profile": {"name": name}, "wa_id": wa_id, **changes}


def encoded(body: Any) -> bytes:
    """As the platforms write JSON: ASCII, escaped slashes."""
    return json.dumps(body).replace("/", "\\/").encode()


def message(text: str, sender: str = CUSTOMER) -> dict[str, Any]:
    """Return a message of a customer of Messenger."""
    return event(sender={"id": sender}, message={"mid": f"m-{text}", "text": text})
