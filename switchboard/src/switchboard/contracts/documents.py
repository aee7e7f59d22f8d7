"""All documents by path."""

import json
from typing import Any

from switchboard.contracts.asyncapi import asyncapi
from switchboard.contracts.frames import CLIENT_FRAMES, SERVER_FRAMES, any_of
from switchboard.contracts.schemas import PUBLISHED, Schema, bundled, components

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Return the text of each document by its path below `docs`."""
    schemas = {
        **{f"{kind}.json": bundled(schema) for kind, schema in _objects().items()},
        **{f"server-frame.{kind}.json": bundled(schema) for kind, schema in SERVER_FRAMES.items()},
        **{f"client-frame.{kind}.json": bundled(schema) for kind, schema in CLIENT_FRAMES.items()},
        "server-frame.json": bundled(any_of("Server frame", "A frame that the server sends.", SERVER_FRAMES)),
        "client-frame.json": bundled(
            any_of(
                "Client frame",
                "A frame that a client sends. Clients also send the text `ping`, which is not JSON.",
                CLIENT_FRAMES,
            )
        ),
    }
    files: dict[str, Any] = {f"schemas/{name}": {"$schema": _DIALECT, **schema} for name, schema in schemas.items()}
    files["asyncapi.json"] = asyncapi()
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}


def _objects() -> dict[str, Schema]:
    """Return the objects of the inbox and the public event, by file name."""
    names = {"inbox.persisted.v1": "InboxPersistedV1", **{one.__name__.lower(): one.__name__ for one in PUBLISHED}}
    known = components()
    return {kind: known[name] for kind, name in names.items()}
