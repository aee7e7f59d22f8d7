"""The published documents as they are checked in, and validators made of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

DOCS = Path(__file__).parents[2] / "docs"


@cache
def validator(name: str) -> jsonschema_rs.Validator:
    """Return what checks a value by `docs/schemas/<name>.json`."""
    schema = json.loads((DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def complaints(name: str, value: Any) -> list[str]:
    """Return what the schema `name` has against `value`."""
    return [f"{error.instance_path}: {error.message}" for error in validator(name).iter_errors(value)]
