"""Responses of the store's routes."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


def json_response(content: object, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return msgspec structs, or a list of them, as a JSON response."""
    return Response(_encoder.encode(content), status_code, headers, media_type="application/json")
