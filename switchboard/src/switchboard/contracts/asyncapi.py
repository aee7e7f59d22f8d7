"""The AsyncAPI 3.0 document: events on AMQP, and frames on the WebSocket."""

from typing import Any, get_args

from push_gateway.core.close_codes import CloseCode
from shared.contracts import SHARD_COUNT, AnyEvent, Event, InboxPersistedV1, Wire
from shared.messaging.topology import EXCHANGE, MAX_EVENTS_PER_MESSAGE, WORK_QUEUES
from switchboard.contracts.frames import CLIENT_FRAMES, SERVER_FRAMES
from switchboard.contracts.schemas import REFERENCE, Schema, components, field_docstrings

_SCHEMAS = "#/components/schemas/"
_VERSION = "1.0.0"
"""The version of the contracts. A new type, or a new field with a default, is a minor version."""

_ABOUT = """\
Everything that happens in the inboxes of Messenger, Instagram and WhatsApp, as events for services (AMQP) and as \
frames for clients (WebSocket). `docs/protocol.md` describes how to resume, what to do after a reset, and when to \
reconnect. Readers must ignore unknown fields and unknown types."""
_SESSION = """\
The changes of one user's inbox after the position `after`, numbered by `seq` without holes. The first frame of the \
server is always `hello`. The token may also be sent as `Authorization: Bearer` or as \
`Sec-WebSocket-Protocol: bearer, JWT`. `/sse/{user_id}` sends the same frames as server-sent events.

The server closes the connection with one of these codes:
"""


def asyncapi() -> dict[str, Any]:
    """Return the document, ready to be encoded as JSON."""
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
                "description": "RabbitMQ. A consumer needs no permission to publish.",
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
                "userToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The user's token.",
                }
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
        description = (
            f"crc32(user_id as UTF-8) % {SHARD_COUNT}, the same for all events of a user. Bind `{name}.*` for all."
        )
        channel["parameters"] = {"shard": {"description": description, "enum": shards}}
    return channel


def _batch(event: type[Event]) -> dict[str, Any]:
    is_public = event is InboxPersistedV1
    promise = "Public: other services may consume it." if is_public else "Internal: it may change with its version."
    wire = "" if event.wire is Wire.JSON else " Encoded as MessagePack: base64 strings of the schema are `bin`."
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
        "token": {"type": "string", "description": "The user's JWT, for clients that cannot set a header."},
        "after": {
            "type": "integer",
            "minimum": 0,
            "description": "The highest `seq` that the client has handled. Default: now.",
        },
        "epoch": {"type": "string", "description": "The epoch that `after` belongs to."},
        "client": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._:-]{1,64}$",
            "description": "The name of this device.",
        },
    }
    return {
        "address": "/ws/{user_id}",
        "description": _SESSION + codes,
        "servers": [{"$ref": "#/servers/gateway"}],
        "parameters": {"user_id": {"description": "The user of the inbox, and of the token."}},
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
    names = {"send": [f"server.{kind}" for kind in SERVER_FRAMES], "receive": _client_frame_names()}
    return {
        f"session.{action}": {
            "action": action,
            "channel": {"$ref": "#/channels/session"},
            "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in names[action]],
        }
        for action in ("send", "receive")
    }


def _client_frame_names() -> list[str]:
    return [*(f"client.{kind}" for kind in CLIENT_FRAMES), "client.ping"]


def _frames() -> dict[str, Any]:
    """Return the messages of the WebSocket."""
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
        "summary": "The text `ping`, for clients that cannot see WebSocket pings. The response is a `pong` frame.",
        "contentType": "text/plain",
        "payload": {"type": "string", "const": "ping"},
    }
    return messages


def _draft_07(schema: Any) -> Any:
    """Return `schema` in draft 7, which AsyncAPI uses and which names the items of a tuple differently."""
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
