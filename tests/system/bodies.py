"""Webhook bodies in the platforms' formats, with the expected message of each."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A body and the message that it must become."""

    name: str
    platform: str
    page_id: str
    participant_id: str
    direction: str
    text: str
    body: bytes
    message_id: str


def _page(object_name: str, page_id: Any, item: dict[str, Any], channel: str = "messaging") -> dict[str, Any]:
    return {"object": object_name, "entry": [{"id": page_id, "time": 1767355200000, channel: [item]}]}


def _item(sender: Any, recipient: Any, **more: Any) -> dict[str, Any]:
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": 1767355200123, **more}


def _escaped(body: Any) -> bytes:
    return json.dumps(body).replace("/", "\\/").encode()


def _whatsapp(field: str, value: dict[str, Any]) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550001111", "phone_number_id": "106540352242922"}
    change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}


CASES = [
    Case(
        "a message on Messenger", "facebook", "743424235760659", "2516052528645053", "incoming", "open/shut? é 🎉",
        _escaped(
            _page("page", "743424235760659",
                  _item("2516052528645053", "743424235760659", message={"mid": "m_1", "text": "open/shut? é 🎉"}))
        ), "m_1",
    ),
    Case(
        "an echo on Messenger", "facebook", "743424235760659", "2516052528645053", "outgoing", "it is",
        _escaped(
            _page("page", "743424235760659",
                  _item("743424235760659", "2516052528645053",
                        message={"mid": "m_2", "text": "it is", "is_echo": True, "app_id": 263902037430900}))
        ), "m_2",
    ),
    Case(
        "ids as integers", "facebook", "30308538144", "257002534501", "incoming", "no.",
        _escaped(_page("page", 30308538144, _item(257002534501, 30308538144, message={"mid": "m_3", "text": "no."}))),
        "m_3",
    ),
    Case(
        "a message in standby on Instagram", "instagram", "17841400000000001", "8123456789012345", "incoming", "hi ig",
        _escaped(
            _page("instagram", "17841400000000001",
                  _item("8123456789012345", "17841400000000001", message={"mid": "aWdf_1", "text": "hi ig"}), "standby")
        ), "aWdf_1",
    ),
    Case(
        "an echo on Instagram", "instagram", "17841400000000001", "8123456789012345", "outgoing", "hello back",
        _escaped(
            _page("instagram", "17841400000000001",
                  _item("17841400000000001", "8123456789012345",
                        message={"mid": "aWdf_2", "text": "hello back", "is_echo": True}))
        ), "aWdf_2",
    ),
    Case(
        "a message on WhatsApp", "whatsapp", "106540352242922", "16505551234", "incoming", "¿abierto?",
        _escaped(
            _whatsapp("messages", {
                "contacts": [{"profile": {"name": "Zoë Ünal"}, "wa_id": "16505551234"}],
                "messages": [{"from": "16505551234", "id": "wamid.1", "timestamp": "1767355200", "type": "text",
                              "text": {"body": "¿abierto?"}}],
            })
        ), "wamid.1",
    ),
    Case(
        "an echo of the phone app on WhatsApp", "whatsapp", "106540352242922", "16505551234", "outgoing", "sí",
        _escaped(
            _whatsapp("smb_message_echoes", {
                "message_echoes": [{"from": "15550001111", "to": "16505551234", "id": "wamid.2",
                                    "timestamp": "1767355201", "type": "text", "text": {"body": "sí"}}],
            })
        ), "wamid.2",
    ),
]  # fmt: skip

HARMLESS = [
    b"",
    b"not json at all",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b'{"object":"user","entry":[{"id":"1","time":1}]}',
    b'{"object":"page","entry":[{"id":"743424235760659","messaging":[null,17,"x",{"sender":{"id":{}}}]}]}',
    b'{"object":"page","entry":{"id":1}}',
    b"[" * 3000,
    json.dumps(
        _page("page", "743424235760659", _item("2516052528645053", "743424235760659", read={"watermark": 1767355200}))
    ).encode(),
    json.dumps(
        _page("page", "743424235760659",
              _item("2516052528645053", "743424235760659", reaction={"mid": "m_1", "action": "react", "emoji": "❤"}))
    ).encode(),
    json.dumps(_whatsapp("messages", {"statuses": [{"id": "wamid.2", "status": "read", "recipient_id": "16505551234",
                                                    "timestamp": "1767355300"}]})).encode(),
]  # fmt: skip
"""Signed bodies of other or unknown types: each gets a 200, is stored, and does no harm."""


def numbered(page_id: str, number: int, *, customers: int) -> bytes:
    """Return the body of the `number`th message (`m_<number>`) to a page on Messenger, by one of `customers`."""
    item = _item(f"customer-{number % customers}", page_id, message={"mid": f"m_{number}", "text": f"message {number}"})
    return json.dumps(_page("page", page_id, item | {"timestamp": 1767355200000 + number})).encode()
