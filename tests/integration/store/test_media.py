"""`/internal/media` returns an attachment with its page and the token that fetches it."""

from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from shared.contracts import UnsendItem, conversation_id
from shared.contracts.inbox import Attachment
from shared.contracts.internal import Media, MediaRequest, MediaResponse
from shared.security.cipher import TokenCipher
from tests.integration.store.parts import ENCRYPTION_KEY, Service, at, message

pytestmark = pytest.mark.postgres

PHOTO = Attachment(type="image", media_id="7001", mime_type="image/jpeg")
PAPER = Attachment(type="document", media_id="7002", title="order.pdf", size=120)
MINE = conversation_id("whatsapp", "user-1", "person-1")
THEIRS = conversation_id("whatsapp", "user-2", "person-1")


async def request_media(service: Service, **changes: Any) -> Media | None:
    query = MediaRequest(**{"user_id": "user-1", "conversation_id": MINE, "id": 1, "index": 0, **changes})
    answer = await service.internal.post("/internal/media", content=msgspec.json.encode(query))
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=MediaResponse).media


async def connect(service: Service, user: str = "user-1", **body: Any) -> None:
    answer = await service.public.put(
        "/api/accounts/whatsapp/page-1", headers=service.admin, json={"user_id": user, **body}
    )
    assert answer.is_success, answer.text


async def send_photo(service: Service, user: str = "user-1") -> None:
    """Store a photo and a document as message 1 of an empty inbox."""
    await service.broker.publish([message("m-1", user=user, platform="whatsapp", attachments=(PHOTO, PAPER))])


async def test_an_attachment_has_its_page_and_an_encrypted_token(service: Service) -> None:
    await send_photo(service)
    await connect(service, access_token="a-secret-token")

    photo, paper = await request_media(service), await request_media(service, index=1)

    assert photo is not None
    assert paper is not None
    assert (photo.platform, photo.page_id, photo.attachment, photo.version) == ("whatsapp", "page-1", PHOTO, 1)
    assert paper.attachment == PAPER
    assert photo.owner is not None
    assert photo.owner.status == "connected"
    ciphertext = photo.owner.token_ciphertext
    assert ciphertext is not None
    assert "a-secret-token" not in ciphertext
    assert TokenCipher([SecretStr(ENCRYPTION_KEY)]).decrypt(ciphertext).get_secret_value() == "a-secret-token"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"user_id": "user-2"}, id="another user"),
        pytest.param({"user_id": "user-2", "conversation_id": THEIRS}, id="another user, in a conversation of theirs"),
        pytest.param({"conversation_id": THEIRS}, id="another conversation"),
        pytest.param({"id": 2}, id="no such message"),
        pytest.param({"index": 2}, id="no such index"),
        pytest.param({"index": -1}, id="negative index"),
        pytest.param({"index": 2**40}, id="index beyond Postgres integers"),
        pytest.param({"id": 2**70}, id="id beyond Postgres integers"),
    ],
)
async def test_other_users_and_unknown_attachments_are_not_found(service: Service, changes: dict[str, Any]) -> None:
    await send_photo(service)
    await connect(service, access_token="a-secret-token")

    assert await request_media(service, **changes) is None


async def test_an_unsent_attachment_is_not_found(service: Service) -> None:
    await send_photo(service)
    assert await request_media(service) is not None
    unsend = message("unsend", platform="whatsapp", item=UnsendItem(message_id="m-1", unsent_at=at(9)))
    await service.broker.publish([unsend])

    assert await request_media(service) is None


async def test_the_token_of_a_page_that_moved_to_another_user_is_withheld(service: Service) -> None:
    await send_photo(service)
    await connect(service, access_token="a-secret-token")
    await connect(service, "user-2", access_token="their-secret-token")

    found = await request_media(service)

    assert found is not None
    assert found.attachment == PHOTO
    assert found.owner is None


async def test_a_service_token_is_required(service: Service) -> None:
    await send_photo(service)
    query = msgspec.json.encode(MediaRequest(user_id="user-1", conversation_id=MINE, id=1, index=0))
    for headers in ({"Authorization": ""}, service.admin, service.as_user()):
        assert (await service.internal.post("/internal/media", content=query, headers=headers)).status_code == 401
    assert (await service.public.post("/internal/media", content=query, headers=service.admin)).status_code == 404
