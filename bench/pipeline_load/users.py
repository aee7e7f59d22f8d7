"""The users of a run: each has one page, one token and one socket."""

from collections.abc import Sequence

import aiohttp
import msgspec

from bench.pipeline_load.target import CannotMeasure, Target
from shared.contracts import PLATFORMS
from simulator.pages import Page, digits

_TTL_SECONDS = 3600


class BenchUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the token that opens the socket."""

    user_id: str
    token: str


def pages(run: str, number: int) -> list[Page]:
    """Return `number` pages that no other `run` uses, alternating between the platforms."""
    return [
        Page(PLATFORMS[index % len(PLATFORMS)], digits(f"{run}-{index}", prefix="1", length=16), f"Bench {index}")
        for index in range(number)
    ]


async def connect_users(target: Target, run: str, of_pages: Sequence[Page]) -> list[BenchUser]:
    """Connect every page to its own user; return the users in the same order.

    The accounts have no access token, so the system makes no Graph API calls.

    Raises:
        CannotMeasure: the REST API is unavailable or responds with an error.
    """
    headers = {"Authorization": f"Bearer {target.admin_token}"}
    timeout = aiohttp.ClientTimeout(total=10)
    users = []
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            for index, page in enumerate(of_pages):
                user_id = f"bench-{run}-{index}"
                account = {"user_id": user_id, "name": page.name}
                url = f"{target.api}/accounts/{page.platform}/{page.page_id}"
                async with http.put(url, json=account) as response:
                    await _checked(response)
                token_request = {"user_id": user_id, "ttl_seconds": _TTL_SECONDS}
                async with http.post(f"{target.api}/tokens", json=token_request) as response:
                    minted = await _checked(response)
                users.append(msgspec.json.decode(minted, type=_Minted).of(user_id))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CannotMeasure(f"the REST API at {target.api} is unavailable: {error!r}") from error
    return users


class _Minted(msgspec.Struct):
    token: str

    def of(self, user_id: str) -> BenchUser:
        return BenchUser(user_id=user_id, token=self.token)


async def _checked(response: aiohttp.ClientResponse) -> bytes:
    content = await response.read()
    if not response.ok:
        raise CannotMeasure(f"{response.method} {response.url} returned {response.status}: {content[:300]!r}")
    return content
