"""`/healthz`, `/readyz` and `/metrics`, the same in every service."""

from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.aio.single_flight import SingleFlight

FindProblems = Callable[[], Awaitable[Sequence[str]]]
"""Returns what keeps the service from working, one sentence each; empty when nothing does. Returns within a second."""


class Readiness:
    """Whether the service accepts work. It turns unready before the service stops, so that load balancers move on.

    Anybody may ask, so however many ask at the same time, there is one check.
    """

    def __init__(self, find_problems: FindProblems) -> None:
        self._find_problems = find_problems
        self._checks: SingleFlight[str, Sequence[str]] = SingleFlight()
        self._is_stopping = False

    def stop(self) -> None:
        """Be unready from now on."""
        self._is_stopping = True

    async def problems(self) -> Sequence[str]:
        """Return what keeps the service from working, one sentence each."""
        if self._is_stopping:
            return ["The service is stopping."]
        return await self._checks.join("readiness", self._check)

    async def _check(self) -> Sequence[str]:
        return await self._find_problems()


def operations_routes(readiness: Readiness, registry: CollectorRegistry) -> list[Route]:
    """Return the three routes.

    Args:
        readiness: answers `/readyz`: 200, or 503 with its problems.
        registry: holds the metrics of the process.
    """

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
