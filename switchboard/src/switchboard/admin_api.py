"""A running store's REST API, asked by its operators' commands."""

from collections.abc import Iterator
from typing import Any

import httpx

from shared.errors import DependencyUnavailable, PermanentError

_CLIENT_ERRORS = 400


class AdminApi:
    """The API, for a holder of an admin token.

    Args:
        api_url: ends in `/api`, without a slash at the end.
        admin_token: the token.
        timeout_seconds: between two signs of life.
    """

    def __init__(self, api_url: str, admin_token: str, *, timeout_seconds: float = 10.0) -> None:
        self._http = httpx.Client(
            base_url=api_url, headers={"Authorization": f"Bearer {admin_token}"}, timeout=timeout_seconds
        )

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """Return what a request is answered with.

        Raises:
            DependencyUnavailable: nobody answers.
            PermanentError: the answer is no.
        """
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise self._away(error) from error
        _refuse_problems(answer)
        return answer.json()

    def lines(self, path: str, **parameters: Any) -> Iterator[str]:
        """Yield the lines of an answer as they come; errors as in `ask`, also in between."""
        try:
            with self._http.stream("GET", path, params=parameters) as answer:
                if answer.status_code >= _CLIENT_ERRORS:
                    answer.read()
                _refuse_problems(answer)
                yield from answer.iter_lines()
        except httpx.TransportError as error:
            raise self._away(error) from error

    def _away(self, error: httpx.TransportError) -> DependencyUnavailable:
        return DependencyUnavailable(f"{self._http.base_url} does not answer: {error}")


def _refuse_problems(answer: httpx.Response) -> None:
    if answer.status_code >= _CLIENT_ERRORS:
        raise PermanentError(f"{answer.status_code}: {answer.text[:300]}")
