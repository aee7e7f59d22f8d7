"""The keys that an identity provider publishes (RFC 7517). A known key never waits for the fetch of another."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt

from shared.errors import DependencyUnavailable

_FETCH_SECONDS = 3.0
_FETCH_THREADS = 2
"""One fetch runs at a time. The second thread is for a fetch that still hangs after we have given up on it."""


class KeySet:
    """Caches published keys by their `kid`, for one event loop.

    A known key is returned at once, whatever the provider does. In the second half of the lifespan, the set is renewed
    in the background. Requests for an unknown key wait for one shared fetch. After it, no request causes another fetch
    until the cool-down is over, because the sender of a token chooses its `kid`.

    Args:
        url: where the keys are published.
        lifespan_seconds: how long a key is used after it was fetched, even if the provider has withdrawn it since.
        cool_down_seconds: the minimum time between two fetches, successful or not.
        fetch_seconds: the timeout of a fetch.
        monotonic: returns seconds on a monotonic clock.
    """

    def __init__(
        self,
        url: str,
        *,
        lifespan_seconds: float = 600.0,
        cool_down_seconds: float = 30.0,
        fetch_seconds: float = _FETCH_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=fetch_seconds)
        self._lifespan_seconds = lifespan_seconds
        self._cool_down_seconds = cool_down_seconds
        self._fetch_seconds = fetch_seconds
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(_FETCH_THREADS, thread_name_prefix="key-set")
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -lifespan_seconds
        self._failure: str | None = None
        self._next_fetch_at = monotonic()
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key `kid`, or None if the provider publishes no such key.

        Raises:
            DependencyUnavailable: the key is not known, and the keys cannot be fetched.
        """
        if (known := self._known(kid)) is not None:
            if self._monotonic() >= self._fetched_at + self._lifespan_seconds / 2:
                self._fetch_soon()
            return known
        if (fetching := self._fetch_soon()) is not None:
            # A caller that gives up must not cancel the fetch for the others.
            await asyncio.shield(fetching)
        if (known := self._known(kid)) is None and self._failure is not None:
            raise DependencyUnavailable(f"cannot fetch the key set: {self._failure}")
        return known

    def _known(self, kid: str) -> jwt.PyJWK | None:
        is_fresh = self._monotonic() < self._fetched_at + self._lifespan_seconds
        return self._keys.get(kid) if is_fresh else None

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """Return the running fetch or a new one; None during the cool-down."""
        if self._fetching is None and self._monotonic() >= self._next_fetch_at:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            fetched = asyncio.get_running_loop().run_in_executor(self._threads, self._client.get_signing_keys)
            # The client's timeout is per read; a provider that sends byte after byte would never hit it.
            async with asyncio.timeout(self._fetch_seconds + 0.5):
                keys = await fetched
            self._keys = {key.key_id: key for key in keys if key.key_id is not None}
            self._fetched_at = self._monotonic()
            self._failure = None
        except (jwt.PyJWTError, OSError, ValueError, TypeError, AttributeError) as error:
            # The last two: JSON that is not a key set, which the client does not check before it reads fields.
            self._failure = str(error) or type(error).__name__
        finally:
            self._next_fetch_at = self._monotonic() + self._cool_down_seconds
            self._fetching = None
