"""The OpenAPI document has a valid example of every response, problem and body."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import pytest

from store.routes.problems import INTERNAL, PROBLEMS
from tests.integration.store.parts import Service, unconnected_apps

pytestmark = pytest.mark.postgres

PROBLEM = "application/problem+json"


class Operation(NamedTuple):
    name: str
    spec: dict[str, Any]


@pytest.fixture
async def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = (await service.public.get("/api/openapi.json")).json()
    return found


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            yield Operation(f"{method.upper()} {path}", spec)


def _examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    names = [one["$ref"].rsplit("/", 1)[-1] for one in content.get("examples", {}).values()]
    return [document["components"]["examples"][name]["value"] for name in names]


def _schema_errors(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(
        schema | {"components": document["components"]}, validate_formats=True
    )
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


async def test_the_document_is_rendered_once_and_not_sent_to_whoever_has_it(service: Service) -> None:
    first = await service.public.get("/api/openapi.json")
    again = await service.public.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "public, max-age=3600"
    assert again.headers["ETag"] == first.headers["ETag"]


def test_describing_the_api_again_computes_nothing() -> None:
    public, _ = unconnected_apps()
    components = public.openapi()["components"]["examples"]

    assert public.openapi()["components"]["examples"] is components


async def test_every_response_has_a_valid_example(document: dict[str, Any]) -> None:
    seen = 0
    for name, spec in _operations(document):
        for status, answer in spec["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                examples = _examples(document, content)
                assert examples, (name, status, media_type)
                assert media_type == PROBLEM or not status.startswith(("4", "5"))
                for example in examples:
                    assert _schema_errors(document, content["schema"], example) == [], (name, status)
                    seen += 1
    assert seen > 100


async def test_every_body_and_path_parameter_has_an_example(document: dict[str, Any]) -> None:
    bodies = 0
    for name, spec in _operations(document):
        for parameter in spec.get("parameters", []):
            if parameter["in"] == "path" and "enum" not in parameter["schema"]:
                assert "examples" in parameter["schema"] or "example" in parameter, (name, parameter["name"])
        if "requestBody" not in spec:
            continue
        reference = spec["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
        body = {field: told["examples"][0] for field, told in schema["properties"].items() if "examples" in told}
        assert set(schema.get("required", [])) <= set(body), name
        assert _schema_errors(document, {"$ref": reference}, body) == [], name
        bodies += 1
    assert bodies >= 4


async def test_every_problem_type_is_documented_where_it_can_occur(document: dict[str, Any]) -> None:
    told: set[str] = set()
    for name, spec in _operations(document):
        mine: set[str] = set()
        for status, answer in spec["responses"].items():
            for problem in _examples(document, answer.get("content", {}).get(PROBLEM, {})):
                assert problem["status"] == int(status), name
                mine.add(problem["type"].rsplit(":", 1)[-1])
        parameters = {parameter["name"] for parameter in spec.get("parameters", [])}
        assert ("invalid-cursor" in mine) == ("cursor" in parameters), name
        assert ("too-large" in mine) == ("requestBody" in spec), name
        assert {"unauthorized", "invalid-request", "unavailable"} <= mine, name
        told |= mine
    assert told == set(PROBLEMS.types) - INTERNAL - {"method-not-allowed"}, "which no operation answers"


async def test_no_unused_validation_schema_is_described(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
