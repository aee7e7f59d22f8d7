"""A WhatsApp photo, from the webhook to the browser: through the proxy, with only the user's token."""

from pathlib import Path
from random import Random

import httpx
import pytest

from simulator.media import content, media_id
from tests.system.running import System, eventually, running_system
from tests.system.whatsapp_media import NUMBER, media_webhook

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

USER, OTHER = "reader", "somebody-else"


async def send_photo(system: System) -> tuple[str, str]:
    """Let Ada send a photo; return its media ID and the URL to fetch it from."""
    medium = media_id(Random(4), "image")
    assert await system.post("whatsapp", media_webhook("image", medium)) == 200
    token = await system.token(USER)
    await eventually(lambda: system.get("/conversations", token))
    [conversation] = await system.get("/conversations", token)
    [message] = await system.get(f"/conversations/{conversation['conversation_id']}/messages", token)
    assert message["attachments"][0]["media_id"] == medium
    return medium, f"{system.urls['inbox']}/api/media/{conversation['conversation_id']}/{message['id']}/0"


async def fetch(system: System, url: str, user: str = USER) -> httpx.Response:
    return await system.http.get(url, headers={"Authorization": f"Bearer {await system.token(user)}"})


async def account_status(system: System) -> str:
    [account] = await system.get("/accounts", await system.token(USER))
    return str(account["status"])


async def test_only_its_user_fetches_a_photo_and_a_refused_token_marks_the_account(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    async with running_system(tmp_path, environment=environment) as system:
        await system.connect_page("whatsapp", NUMBER.page_id, USER, access_token="a-token")
        await system.connect_page("whatsapp", "another-number", OTHER, access_token="another-token")
        medium, url = await send_photo(system)

        found = await fetch(system, url)
        theirs = await fetch(system, url, OTHER)

        assert (found.status_code, found.content) == (200, content(medium, "image"))
        assert found.headers["content-type"] == "image/png"
        assert (theirs.status_code, theirs.json()["type"]) == (404, "urn:switchboard:problem:not-found")
        assert (await system.http.get(url)).status_code == 401

        faults = f"{system.urls['graph']}/_faults"
        await system.http.post(faults, json={"kind": "token_expired"})
        refused = await fetch(system, url)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (
            409,
            "account-needs-reauthorization",
        )

        async def is_marked() -> bool:
            return await account_status(system) == "needs_reauthorization"

        await eventually(is_marked)
        await system.http.post(faults, json={})
        assert (await fetch(system, url)).status_code == 409, "a refused token is not used again"
        await system.connect_page("whatsapp", NUMBER.page_id, USER, access_token="a-new-token")
        assert (await fetch(system, url)).status_code == 200
