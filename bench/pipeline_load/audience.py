"""The users whose sockets are listened to: a page and a token for each."""

from collections.abc import Sequence

import aiohttp
import msgspec

from bench.pipeline_load.target import Target, Unusable
from shared.contracts import PLATFORMS
from simulator.pages import Page, digits

_TTL_SECONDS = 3600


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A user, and what opens their socket."""

    user_id: str
    token: str


def pages(run: str, number: int) -> list[Page]:
    """Return `number` pages that no other `run` uses, the platforms in turn."""
    return [
        Page(PLATFORMS[index % len(PLATFORMS)], digits(f"{run}-{index}", prefix="1", length=16), f"Bench {index}")
        for index in range(number)
    ]


async def assembled(target: Target, run: str, of_pages: Sequence[Page]) -> list[Listener]:
    """Connect every page to a user of its own and return the users in the same order.

    The accounts get no access token: nobody is looked up, so no Graph API is called or waited for.

    Raises:
        Unusable: the REST API refuses or is not there.
    """
    headers = {"Authorization": f"Bearer {target.admin_token}"}
    timeout = aiohttp.ClientTimeout(total=10)
    listeners = []
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            for index, page in enumerate(of_pages):
                user_id = f"bench-{run}-{index}"
                account = {"user_id": user_id, "name": page.name}
                url = f"{target.api}/accounts/{page.platform}/{page.page_id}"
                async with http.put(url, json=account) as answer:
                    await _checked(answer)
                order = {"user_id": user_id, "ttl_seconds": _TTL_SECONDS}
                async with http.post(f"{target.api}/tokens", json=order) as answer:
                    minted = await _checked(answer)
                listeners.append(msgspec.json.decode(minted, type=_Minted).of(user_id))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unusable(f"the REST API at {target.api} cannot be reached: {error!r}") from error
    return listeners


class _Minted(msgspec.Struct):
    token: str

    def of(self, user_id: str) -> Listener:
        return Listener(user_id=user_id, token=self.token)


async def _checked(answer: aiohttp.ClientResponse) -> bytes:
    content = await answer.read()
    if not answer.ok:
        raise Unusable(f"{answer.method} {answer.url} answered {answer.status}: {content[:300]!r}")
    return content
