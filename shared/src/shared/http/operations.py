"""`/healthz`, `/readyz` and `/metrics`, the same in every service."""

from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Problems = Callable[[], Awaitable[Sequence[str]]]
"""Returns what keeps the service from doing its work, a sentence each; nothing when it can. Answers within a second."""


class Readiness:
    """Whether the service wants work: off before it stops, so that load balancers look elsewhere."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._stopping = False

    def stop(self) -> None:
        """Say no from now on."""
        self._stopping = True

    async def problems(self) -> Sequence[str]:
        """Return what keeps the service from doing its work."""
        return ["The service is stopping."] if self._stopping else await self._problems()


def operations_routes(readiness: Readiness, registry: CollectorRegistry) -> list[Route]:
    """Return the routes; `registry` holds the process's metrics."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        problems = await readiness.problems()
        if problems:
            return JSONResponse({"status": "unavailable", "problems": list(problems)}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
