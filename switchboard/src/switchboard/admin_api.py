"""A client for a running store's REST API, used by the operators' commands."""

from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

import httpx

from shared.errors import DependencyUnavailable, PermanentError

_CLIENT_ERRORS = 400


class AdminApi:
    """Calls the REST API with an admin token.

    Args:
        api_url: ends in `/api`, without a trailing slash.
        admin_token: the token.
        timeout_seconds: for connecting, and for each read and write.
    """

    def __init__(self, api_url: str, admin_token: str, *, timeout_seconds: float = 10.0) -> None:
        self._http = httpx.Client(
            base_url=api_url, headers={"Authorization": f"Bearer {admin_token}"}, timeout=timeout_seconds
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, **content: Any) -> Any:
        """Return the decoded JSON body of the response; None if it has none.

        Raises:
            DependencyUnavailable: the API does not respond.
            PermanentError: the API responds with an error.
        """
        try:
            response = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise self._unavailable(error) from error
        _raise_for_status(response)
        return response.json() if response.content else None

    def lines(self, path: str, **parameters: Any) -> Generator[str, None, None]:
        """Yield the lines of a response as they arrive; raises like `request`, also between lines."""
        try:
            with self._http.stream("GET", path, params=parameters) as response:
                if response.status_code >= _CLIENT_ERRORS:
                    response.read()
                _raise_for_status(response)
                yield from response.iter_lines()
        except httpx.TransportError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: httpx.TransportError) -> DependencyUnavailable:
        return DependencyUnavailable(
            f"{self._http.base_url} does not respond ({error}). Is Switchboard running there? --api sets the URL."
        )


def _raise_for_status(response: httpx.Response) -> None:
    if response.status_code >= _CLIENT_ERRORS:
        raise PermanentError(f"The API responds with {response.status_code}: {response.text[:300]}")
