"""The AsyncAPI 3.0 document: events on AMQP, and frames on the WebSocket."""

from typing import Any, get_args

from push_gateway.core.frames import CloseCode
from shared.contracts import SHARD_COUNT, AnyEvent, Event, InboxPersistedV1, Wire
from shared.messaging.topology import EXCHANGE, MAX_EVENTS_PER_MESSAGE, WORK_QUEUES
from switchboard.contracts.frames import CLIENT_FRAMES, SERVER_FRAMES
from switchboard.contracts.schemas import REFERENCE, Schema, components, field_docstrings

_SCHEMAS = "#/components/schemas/"
_VERSION = "1.0.0"
"""Of the contracts: a type that is added or a field with a default is a minor version."""

_ABOUT = """\
Everything that happens in the inboxes of Messenger, Instagram and WhatsApp, as events for services (AMQP) and as \
frames for screens (WebSocket). `docs/protocol.md` says how to resume, what to do after a reset, and how long to wait \
before coming back. Fields that a reader does not know are to be passed over, and so are types."""
_SESSION = """\
Changes of one user's inbox, numbered by `seq` without holes, from `after` on. The first frame of the server is \
always `hello`. The token may also come as `Authorization: Bearer` or as `Sec-WebSocket-Protocol: bearer, JWT`. The \
same frames come as server-sent events from `/sse/{user_id}`.

The server closes with one of these codes:
"""


def asyncapi() -> dict[str, Any]:
    """Return the document, as JSON would have it."""
    events: list[type[Event]] = sorted(get_args(AnyEvent), key=lambda one: str(one.type_name()))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard",
            "version": _VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": Wire.JSON.value,
        "servers": {
            "broker": {
                "host": "rabbitmq.example.com:5672",
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "RabbitMQ. The user of another service needs no right to publish.",
            },
            "gateway": {
                "host": "push.example.com",
                "protocol": "wss",
                "security": [{"$ref": "#/components/securitySchemes/userToken"}],
            },
        },
        "channels": {event.type_name(): _event_channel(event) for event in events} | {"session": _session_channel()},
        "operations": _event_operations(events) | _session_operations(),
        "components": {
            "schemas": {name: _draft_07(schema) for name, schema in sorted(components().items())},
            "messages": {event.type_name(): _batch(event) for event in events} | _frames(),
            "securitySchemes": {
                "userToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of the user."}
            },
        },
    }


def _is_sharded(event: type[Event]) -> bool:
    return event.shard_key is not Event.shard_key


def _event_channel(event: type[Event]) -> dict[str, Any]:
    name = event.type_name()
    channel = {
        "address": f"{name}.{{shard}}" if _is_sharded(event) else f"{name}.0",
        "description": f"Routing key on the topic exchange `{EXCHANGE}`.",
        "servers": [{"$ref": "#/servers/broker"}],
        "messages": {"batch": {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }
    if _is_sharded(event):
        shards = [str(number) for number in range(SHARD_COUNT)]
        told = f"crc32(user_id as UTF-8) % {SHARD_COUNT}: all events of a user have the same. Bind `{name}.*` for all."
        channel["parameters"] = {"shard": {"description": told, "enum": shards}}
    return channel


def _batch(event: type[Event]) -> dict[str, Any]:
    is_promise = event is InboxPersistedV1
    promise = "Others may build on it." if is_promise else "The services' own: it may change with its version."
    wire = "" if event.wire is Wire.JSON else " In MessagePack: strings of base64 in the schema are `bin` there."
    return {
        "name": event.type_name(),
        "title": event.__name__,
        "summary": " ".join((event.__doc__ or "").split()),
        "description": f"A batch, delivered at least once. {promise}{wire}",
        "contentType": event.wire.value,
        "payload": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_EVENTS_PER_MESSAGE,
            "items": {"$ref": _SCHEMAS + event.__name__},
        },
    }


def _event_operations(events: list[type[Event]]) -> dict[str, Any]:
    operations = {
        f"publish.{event.type_name()}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{event.type_name()}"},
            "messages": [{"$ref": f"#/channels/{event.type_name()}/messages/batch"}],
            "bindings": {"amqp": {"deliveryMode": 2, "bindingVersion": "0.3.0"}},
        }
        for event in events
    }
    for queue in WORK_QUEUES:
        for event in queue.events:
            operations[f"{queue.name}.{event.type_name()}"] = {
                "action": "receive",
                "summary": f"From the queue `{queue.name}`.",
                "channel": {"$ref": f"#/channels/{event.type_name()}"},
                "messages": [{"$ref": f"#/channels/{event.type_name()}/messages/batch"}],
            }
    return operations


def _session_channel() -> dict[str, Any]:
    docstrings = field_docstrings(CloseCode)
    codes = "\n".join(f"- {code.value}: {docstrings[code.name]}" for code in CloseCode)
    query = {
        "token": {"type": "string", "description": "A JWT of the user, where no header can be set."},
        "after": {"type": "integer", "minimum": 0, "description": "The highest `seq` handled; without it from now on."},
        "epoch": {"type": "string", "description": "The epoch that `after` is from."},
        "client": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._:-]{1,64}$",
            "description": "What this device is called.",
        },
    }
    return {
        "address": "/ws/{user_id}",
        "description": _SESSION + codes,
        "servers": [{"$ref": "#/servers/gateway"}],
        "parameters": {"user_id": {"description": "Whose inbox: the user of the token."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _frames()},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {"type": "object", "properties": query},
                "bindingVersion": "0.1.0",
            }
        },
    }


def _session_operations() -> dict[str, Any]:
    names = {"send": [f"server.{kind}" for kind in SERVER_FRAMES], "receive": _names_of_clients()}
    return {
        f"session.{action}": {
            "action": action,
            "channel": {"$ref": "#/channels/session"},
            "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in names[action]],
        }
        for action in ("send", "receive")
    }


def _names_of_clients() -> list[str]:
    return [*(f"client.{kind}" for kind in CLIENT_FRAMES), "client.ping"]


def _frames() -> dict[str, Any]:
    """Return the messages of a WebSocket."""
    sides = {"server": SERVER_FRAMES, "client": CLIENT_FRAMES}
    messages: dict[str, Any] = {
        f"{side}.{kind}": {
            "name": kind,
            "contentType": Wire.JSON.value,
            "payload": _draft_07(schema),
        }
        for side, frames in sides.items()
        for kind, schema in frames.items()
    }
    messages["client.ping"] = {
        "name": "ping",
        "summary": "The text `ping`, for clients that do not see the pings of WebSocket; answered with `pong`.",
        "contentType": "text/plain",
        "payload": {"type": "string", "const": "ping"},
    }
    return messages


def _draft_07(schema: Any) -> Any:
    """Return `schema` as AsyncAPI reads it: draft 7, which calls the parts of a tuple otherwise."""
    if isinstance(schema, list):
        return [_draft_07(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    converted: Schema = {}
    for key, value in schema.items():
        if key == "$ref":
            converted[key] = _SCHEMAS + value.removeprefix(REFERENCE)
        else:
            converted["items" if key == "prefixItems" else key] = _draft_07(value)
    return converted
