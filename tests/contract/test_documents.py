"""The published documents say what the code does, and what is sent is what they say."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from enricher.media.routes import MEDIA_PATH
from enricher.problems import PROBLEMS as MEDIA_PROBLEMS
from push_gateway.core.client_frames import parse_client_frame
from push_gateway.core.close_codes import CloseCode, ProtocolError
from shared.contracts import Event, InboxPersistedV1, Wire, encode
from store.routes.problems import INTERNAL
from store.routes.problems import PROBLEMS as STORE_PROBLEMS
from switchboard.contracts.documents import documents
from switchboard.contracts.frames import SERVER_FRAMES
from tests.builders import EXAMPLES
from tests.contract.documents import DOCS, complaints
from tests.contract.write_vectors import vectors
from tests.integration.store.parts import unconnected_apps

VECTORS = vectors()
ASYNCAPI: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))


def test_what_is_checked_in_is_what_the_code_says_now() -> None:
    """`make contracts` writes them anew."""
    held = {path.relative_to(DOCS).as_posix(): path for path in [*DOCS.glob("schemas/*.json"), DOCS / "asyncapi.json"]}
    wanted = documents()

    assert set(held) == set(wanted)
    for name, text in wanted.items():
        assert held[name].read_text(encoding="utf-8") == text, f"docs/{name} is not current: make contracts"


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
def test_the_frames_and_objects_of_a_vector_are_as_the_schemas_say(vector: Any) -> None:
    built = json.loads(json.dumps(vector._asdict()))
    frames = [frame for frame in built["frames"] if frame.get("type") in SERVER_FRAMES]
    told = [complaints("server-frame", frame) + complaints(f"server-frame.{frame['type']}", frame) for frame in frames]
    snapshots = [built["snapshot"] or {}, *(frame.get("snapshot", {}) for frame in built["frames"])]
    for snapshot in snapshots:
        for path, answer in snapshot.items():
            kind = "message" if path.endswith("/messages") else path.removeprefix("/api/").removesuffix("s")
            told += [complaints(kind, row) for row in answer["body"]]

    assert [one for one in told if one] == []


@pytest.mark.parametrize(
    ("frame", "is_one"),
    [
        ({"type": "auth", "token": "x"}, True),
        ({"type": "auth"}, False),
        ({"type": "typing", "conversation_id": "2f1c7d0a9b3e4f55"}, True),
        ({"type": "typing", "conversation_id": "no spaces"}, False),
        ({"type": "typing", "conversation_id": None}, False),
        ({"type": "viewing", "conversation_id": None}, True),
        ({"type": "viewing", "conversation_id": "c" * 65}, False),
        ({"type": "read", "conversation_id": "c", "up_to_seq": 0}, True),
        ({"type": "read", "conversation_id": "c", "up_to_seq": -1}, False),
        ({"type": "read", "conversation_id": "c", "up_to_seq": 2**63}, False),
        ({"type": "read", "conversation_id": "c", "up_to_seq": 3, "a_field_of_tomorrow": 1}, True),
        ({"type": "shout"}, False),
        ([], False),
    ],
)
def test_the_gateway_takes_what_the_schema_takes(frame: Any, *, is_one: bool) -> None:
    try:
        parse_client_frame(json.dumps(frame))
        is_taken = True
    except ProtocolError:
        is_taken = False

    assert (is_taken, complaints("client-frame", frame) == []) == (is_one, is_one)


def test_the_protocol_tells_of_every_rest_call_and_of_every_problem_with_its_status() -> None:
    told = (DOCS / "protocol.md").read_text(encoding="utf-8")
    for path, methods in unconnected_apps()[0].openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in told, "the table of docs/protocol.md lacks it"
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", told, flags=re.MULTILINE))

    assert rows == {name: str(kind.status) for name, kind in STORE_PROBLEMS.types.items() if name not in INTERNAL}


def test_the_protocol_tells_of_media_and_of_every_problem_with_its_status() -> None:
    told = (DOCS / "protocol.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", told, flags=re.MULTILINE)
    of_media = {(name, int(status)) for status, names in rows for name in re.findall(r"[a-z-]+", names)}
    of_all = {(name, kind.status) for name, kind in STORE_PROBLEMS.types.items()}

    assert f"| `GET {MEDIA_PATH}` |" in told, "the table of docs/protocol.md lacks it"
    answered = {(name, kind.status) for name, kind in MEDIA_PROBLEMS.types.items()}
    assert of_media <= answered <= of_media | of_all


def test_the_asyncapi_document_is_a_valid_one() -> None:
    schema = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))

    jsonschema_rs.validator_for(schema).validate(ASYNCAPI)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    def lead(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                at: Any = ASYNCAPI
                for part in value["$ref"].removeprefix("#/").split("/"):
                    at = at[part]
            for part in value.values():
                lead(part)
        elif isinstance(value, list):
            for part in value:
                lead(part)

    lead(ASYNCAPI)


def test_the_asyncapi_document_names_every_event_frame_and_close_code() -> None:
    names = set(ASYNCAPI["components"]["messages"])
    codes = ASYNCAPI["channels"]["session"]["description"]

    assert set(EXAMPLES) <= names
    assert {f"server.{kind}" for kind in SERVER_FRAMES} <= names
    assert all(f"- {code.value}: " in codes for code in CloseCode)


@pytest.mark.parametrize(
    "event",
    [event for event in EXAMPLES.values() if not isinstance(event, InboxPersistedV1)],
    ids=lambda e: e.type_name(),
)
def test_an_event_is_as_the_asyncapi_document_says(event: Event) -> None:
    as_json = json.loads(encode(event) if event.wire is Wire.JSON else msgspec.json.encode(event))
    message = ASYNCAPI["components"]["messages"][event.type_name()]
    schema = {"$ref": message["payload"]["items"]["$ref"], "components": ASYNCAPI["components"]}

    assert message["contentType"] == event.wire.value
    jsonschema_rs.Draft7Validator(schema, validate_formats=True).validate(as_json)


def test_a_change_is_the_same_in_an_event_as_in_a_frame() -> None:
    frame = next(one for one in VECTORS[0].frames if one["type"] == "new_message")
    envelope = json.loads(encode(EXAMPLES["inbox.persisted.v1"]))
    event = envelope | {"seq": frame["seq"], "kind": frame["type"], "data": frame["data"]}

    assert complaints("inbox.persisted.v1", event) == []
    assert complaints("inbox.persisted.v1", event | {"data": {}}) != []
    assert complaints("inbox.persisted.v1", event | {"kind": "account_updated"}) != []
