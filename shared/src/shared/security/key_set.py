"""The keys that an identity provider publishes (RFC 7517): a known one never waits for the fetch of another."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt

from shared.errors import DependencyUnavailable

_FETCH_SECONDS = 3.0
_FETCH_THREADS = 2
"""One fetch runs at a time; the second thread is for when the provider holds the first one longer than we wait."""


class KeySet:
    """Published keys by their `kid`. For one event loop.

    A known key is answered at once, whatever the provider does. In the second half of the lifespan the set is fetched
    again meanwhile. Whoever asks for an unknown key waits for one fetch that all share; then nobody causes another
    one until the cool-down is over, since `kid` is whatever the sender of a token writes.

    Args:
        url: where the keys are published.
        lifespan_seconds: a key that the provider has withdrawn is known for no longer.
        cool_down_seconds: least time between a fetch and the next, good or failed.
        now: seconds on a monotonic clock.
    """

    def __init__(
        self,
        url: str,
        *,
        lifespan_seconds: float = 600.0,
        cool_down_seconds: float = 30.0,
        fetch_seconds: float = _FETCH_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=fetch_seconds)
        self._lifespan_seconds = lifespan_seconds
        self._cool_down_seconds = cool_down_seconds
        self._fetch_seconds = fetch_seconds
        self._now = now
        self._threads = ThreadPoolExecutor(_FETCH_THREADS, thread_name_prefix="key-set")
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -lifespan_seconds
        self._failure: str | None = None
        self._rests_until = now()
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key `kid`, or None where the provider publishes none of that name.

        Raises:
            DependencyUnavailable: it is not known, and the keys cannot be fetched.
        """
        if (known := self._known(kid)) is not None:
            if self._now() >= self._fetched_at + self._lifespan_seconds / 2:
                self._fetch_soon()
            return known
        if (fetching := self._fetch_soon()) is not None:
            # Whoever stops waiting must not end the fetch for the others.
            await asyncio.shield(fetching)
        if (known := self._known(kid)) is None and self._failure is not None:
            raise DependencyUnavailable(f"the key set cannot be fetched: {self._failure}")
        return known

    def _known(self, kid: str) -> jwt.PyJWK | None:
        is_fresh = self._now() < self._fetched_at + self._lifespan_seconds
        return self._keys.get(kid) if is_fresh else None

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """Return the running fetch, a new one, or None while the last one is too recent."""
        if self._fetching is None and self._now() >= self._rests_until:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            fetched = asyncio.get_running_loop().run_in_executor(self._threads, self._client.get_signing_keys)
            # The client's timeout is for each read; a provider that sends byte after byte would hold us for ever.
            async with asyncio.timeout(self._fetch_seconds + 0.5):
                keys = await fetched
            self._keys = {key.key_id: key for key in keys if key.key_id is not None}
            self._fetched_at = self._now()
            self._failure = None
        except (jwt.PyJWTError, OSError, ValueError, TypeError, AttributeError) as error:
            # The last two: JSON of another shape than a key set, which the client takes apart unseen.
            self._failure = str(error) or type(error).__name__
        finally:
            self._rests_until = self._now() + self._cool_down_seconds
            self._fetching = None
