"""The REST reference, from the OpenAPI document of the store. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_INTRODUCTION = """\
# REST reference

Generated from the OpenAPI document that a running store serves at `/api/openapi.json`. [Protocol](protocol.md) explains
how the parts work together: tokens, pagination, read marks, and resuming.

Send `Authorization: Bearer …` with a user's token or an admin token, as each operation says. Every error is a problem
object (RFC 9457) with the media type `application/problem+json`.

`GET /api/media/…` is served by the enricher and described in [Protocol](protocol.md).
"""
_TOKENS = {"userToken": "a user's token", "adminToken": "an admin token"}
_REFERENCE = "#/components/"


def rest_reference(openapi: Mapping[str, Any], *, field_docs: Mapping[str, Mapping[str, str]]) -> str:
    """Return the reference as a page of Markdown.

    Args:
        openapi: the document.
        field_docs: what is known of the fields of a schema beyond the document: by its name, by field.
    """
    by_tag: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            section = "\n".join(_operation(openapi, f"{method.upper()} {path}", operation))
            by_tag.setdefault(operation["tags"][0], []).append(section)
    parts = [_INTRODUCTION]
    for tag, sections in by_tag.items():
        parts += [f"## {tag.capitalize()}\n", *sections]
    parts.append("## Objects\n")
    for name, schema in sorted(openapi["components"]["schemas"].items()):
        parts.append("\n".join(_object(name, schema, field_docs.get(name, {}))))
    return "\n".join(parts)


def _operation(openapi: Mapping[str, Any], title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{title}`\n"
    yield f"{operation['description']}\n"
    tokens = [_TOKENS[name] for choice in operation.get("security", []) for name in choice]
    if tokens:
        yield f"Needs {' or '.join(tokens)}.\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | description |\n|---|---|---|---|"
        for one in parameters:
            name = f"`{one['name']}`" + (" (required)" if one["in"] == "query" and one["required"] else "")
            yield f"| {name} | {one['in']} | {_type(one['schema'])} | {_cell(one.get('description', ''))} |"
        yield ""
    if body := operation.get("requestBody"):
        [content] = body["content"].values()
        yield f"**Body**: {_type(content['schema'])}\n"
    yield from _responses(openapi, operation["responses"])


def _responses(openapi: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterator[str]:
    problems: list[str] = []
    examples: list[tuple[str, Any]] = []
    yield "| status | response | headers |\n|---|---|---|"
    for status, response in sorted(responses.items()):
        media = next(iter(response.get("content", {}).items()), None)
        if media is not None and media[0] == "application/problem+json":
            problems += [f"{status} `{name}`" for name in media[1].get("examples", {})]
            continue
        headers = ", ".join(f"`{name}`" for name in response.get("headers", {}))
        yield f"| {status} | {_type(media[1]['schema']) if media else _cell(response['description'])} | {headers} |"
        if media is not None:
            examples += [(status, _resolved(openapi, one)["value"]) for one in media[1].get("examples", {}).values()]
    yield ""
    if problems:
        yield f"**Problems**: {', '.join(problems)}\n"
    for _, value in examples[:1]:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        yield f'??? example "An example response"\n\n    ```json\n{_indented(text)}\n    ```\n'


def _object(name: str, schema: Schema, docs: Mapping[str, str]) -> Iterator[str]:
    yield f"### {name}\n"
    if description := schema.get("description"):
        yield f"{description}\n"
    required = set(schema.get("required", ()))
    yield "| field | type | description |\n|---|---|---|"
    for field, described in schema.get("properties", {}).items():
        told = docs.get(field) or described.get("description", "")
        default = (
            "" if field in required or described.get("default") is None else f" Default: `{described['default']}`."
        )
        yield f"| `{field}` | {_type(described)} | {_cell(told + default)} |"
    yield ""


def _type(schema: Schema) -> str:
    """Return what a value may be, in a few words; objects link to their own section."""
    if (reference := schema.get("$ref")) is not None:
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if (choices := schema.get("anyOf") or schema.get("oneOf")) is not None:
        return " or ".join(_type(choice) for choice in choices)
    if (values := schema.get("enum")) is not None:
        return ", ".join(f"`{value}`" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return f"{schema.get('type', 'anything')}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    known = {"minimum": "at least {}", "maximum": "at most {}", "maxLength": "at most {} characters"}
    bounds = [text.format(schema[key]) for key, text in known.items() if key in schema]
    return f" ({', '.join(bounds)})" if bounds else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _resolved(openapi: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = openapi["components"]
    for part in reference.removeprefix(_REFERENCE).split("/"):
        found = found[part]
    assert isinstance(found, Mapping)
    return found
