"""What holds for the parameters of every request."""

from collections import Counter

from starlette.requests import Request

from shared.http.problems import ProblemRaised


async def each_once(request: Request) -> None:
    """Refuse a query that names a parameter more than once: nobody could tell which one counts."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    repeated = sorted(name for name, times in names.items() if times > 1)
    if repeated:
        errors = [{"field": f"query.{name}", "message": "This may be given only once"} for name in repeated]
        raise ProblemRaised("invalid-request", "See `errors`.", errors=errors)
