"""Checks the query parameters of every request."""

from collections import Counter

from starlette.requests import Request

from shared.http.problems import ProblemRaised


async def each_once(request: Request) -> None:
    """Refuse a request that repeats a query parameter: it would be unclear which value counts."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    repeated = sorted(name for name, times in names.items() if times > 1)
    if repeated:
        errors = [{"field": f"query.{name}", "message": "May be given only once"} for name in repeated]
        raise ProblemRaised("invalid-request", "See `errors`.", errors=errors)
