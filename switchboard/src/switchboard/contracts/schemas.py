"""JSON Schemas (2020-12) of the published structs, with their docstrings.

msgspec generates them. This module adds what it leaves out: the format of timestamps (RFC 3339), the docstrings of
attributes, and `required` for fields that are always sent. Readers must still ignore unknown fields.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from functools import cache
from textwrap import dedent
from types import ModuleType
from typing import Any, get_args

import msgspec

from push_gateway.core import client_frames
from shared.contracts import AnyEvent, Event, event, events, inbox, items

Schema = dict[str, Any]
REFERENCE = "#/$defs/"

PUBLISHED: tuple[type[msgspec.Struct], ...] = (
    inbox.Account,
    inbox.Attachment,
    inbox.Conversation,
    inbox.Message,
    inbox.Reaction,
    inbox.Record,
    inbox.Referral,
)
"""Objects with a document of their own."""
_FRAME_DATA: tuple[type[msgspec.Struct], ...] = (
    inbox.HelloFrame,
    inbox.HeartbeatFrame,
    inbox.ResetFrame,
    inbox.MessageFrame,
    inbox.ConversationFrame,
    inbox.ConversationRemovedFrame,
    inbox.AccountFrame,
    inbox.TypingFrame,
    inbox.PresenceFrame,
)
_CLIENT_FRAMES: tuple[type[msgspec.Struct], ...] = (
    client_frames.Auth,
    client_frames.Typing,
    client_frames.Viewing,
    client_frames.Read,
)
_MODULES: tuple[ModuleType, ...] = (inbox, items, event, events, client_frames)
FRAME_DATA: dict[inbox.FrameKind, str] = {
    "new_message": "MessageFrame",
    "message_updated": "MessageFrame",
    "conversation_updated": "ConversationFrame",
    "conversation_removed": "ConversationRemovedFrame",
    "account_updated": "AccountFrame",
}
"""The struct of a change's `data`, by type."""


@cache
def _schemas() -> dict[str, Schema]:
    types = (*PUBLISHED, *_FRAME_DATA, *_CLIENT_FRAMES, *get_args(AnyEvent))
    _, schemas = msgspec.json.schema_components(types, ref_template=REFERENCE + "{name}")
    for name, schema in schemas.items():
        _complete(schema, _struct(name))
    schemas["InboxPersistedV1"]["oneOf"] = [
        {"properties": {"kind": {"const": kind}, "data": {"$ref": REFERENCE + data}}}
        for kind, data in FRAME_DATA.items()
    ]
    return schemas


def components() -> dict[str, Schema]:
    """Return the schema of every struct by name; they refer to each other with `REFERENCE`."""
    return deepcopy(_schemas())


def bundled(schema: Schema) -> Schema:
    """Return `schema` with every schema that it refers to, also indirectly, under `$defs`."""
    known = components()
    needed: dict[str, Schema] = {}
    names = list(references(schema))
    while names:
        name = names.pop()
        if name not in needed:
            needed[name] = known[name]
            names += references(known[name])
    return {**schema, "$defs": {name: needed[name] for name in sorted(needed)}} if needed else schema


def references(schema: Any) -> Iterator[str]:
    """Yield the names that `schema` refers to."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref":
                yield value.removeprefix(REFERENCE)
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def _struct(name: str) -> type[msgspec.Struct]:
    found: set[type[msgspec.Struct]] = {getattr(module, name) for module in _MODULES if hasattr(module, name)}
    assert len(found) == 1, f"{name} must be the name of exactly one struct"
    return found.pop()


def _complete(schema: Schema, struct: type[msgspec.Struct]) -> None:
    """Add what msgspec leaves out of a struct's schema."""
    schema["description"] = inspect.cleandoc(schema["description"])
    fields = msgspec.structs.fields(struct)
    if struct.__struct_config__.array_like:
        for field, part in zip(fields, schema["prefixItems"], strict=True):
            part["title"] = field.name
            if field.type is datetime:
                part["format"] = "date-time"
        return
    docstrings = field_docstrings(struct)
    for field in fields:
        described = schema["properties"][field.encode_name]
        _drop_discriminators(described)
        if datetime in (field.type, *get_args(field.type)):
            _string_of(described)["format"] = "date-time"
        if field.name in docstrings:
            described["description"] = docstrings[field.name]
    if not struct.__struct_config__.omit_defaults and not issubclass(struct, Event):
        schema["required"] = list(schema["properties"])
        for described in schema["properties"].values():
            described.pop("default", None)


def _drop_discriminators(schema: Schema) -> None:
    """Remove OpenAPI's keyword: a constant already discriminates the alternatives."""
    schema.pop("discriminator", None)
    for alternative in schema.get("anyOf", []):
        _drop_discriminators(alternative)


def _string_of(schema: Schema) -> Schema:
    if schema.get("type") == "string":
        return schema
    [found] = [alternative for alternative in schema["anyOf"] if alternative.get("type") == "string"]
    assert isinstance(found, dict)
    return found


@cache
def field_docstrings(struct: type) -> Mapping[str, str]:
    """Return the docstrings of the attributes of a class and of its bases, each on one line."""
    docstrings: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if not base.__module__.startswith(("shared.", "push_gateway.")):
            continue
        [definition] = ast.parse(dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        name: str | None = None
        for statement in definition.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=attribute)) | ast.Assign(targets=[ast.Name(id=attribute)]):
                    name = attribute
                case ast.Expr(value=ast.Constant(value=str(text))) if name is not None:
                    docstrings[name] = " ".join(text.split())
                case _:
                    name = None
    return docstrings
