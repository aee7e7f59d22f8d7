"""What services can rely on when they call the store's internal API: one suite for the real one and for the fake."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from shared.contracts import Profile, conversation_id
from shared.contracts.inbox import Attachment
from shared.contracts.internal import (
    KnownParticipant,
    Lookup,
    Media,
    MediaRequest,
    PageKey,
    PageOwners,
    ParticipantKey,
    ParticipantsRequest,
    ReadRequest,
)
from shared.http.client import http_client
from shared.messaging.local import LocalBroker
from shared.security.cipher import TokenCipher
from shared.settings import load
from shared.store_client import paths
from shared.store_client.client import StoreClient
from shared.store_client.errors import NoSuchConversation, StoreRefused
from store.app import lifespan
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.settings import Settings
from tests.builders import NOON, profile_requested
from tests.fakes.store import ENCRYPTION_KEY, SERVICE_TOKEN, UNKNOWN_CONVERSATION, FakeStore, fake_store
from tests.integration.store.parts import ADMIN, SECRETS, at, message

PAGE = PageKey(platform="facebook", page_id="page-1")
ADA = ParticipantKey(user_id="user-1", platform="facebook", participant_id="person-1")
PROFILE = Profile(name="Ada", fetched_at=NOON)
PHOTO = Attachment(type="image", media_id="7001", mime_type="image/jpeg")
CONVERSATION = conversation_id("facebook", "user-1", "person-1")
PHOTOS = conversation_id("whatsapp", "user-1", "person-1")


class StoreUnderTest(Protocol):
    """A store, and how a test puts something into it."""

    url: str

    async def connect(self, user_id: str, token: str | None = None) -> None:
        """Give `PAGE` to the user."""

    async def receive_messages(self, count: int) -> None:
        """Have `ADA`, whose profile is known, write to user-1: one change of the inbox each."""

    async def request_lookup(self) -> None:
        """Make a look-up of `ADA` due."""

    async def receive_photo(self) -> None:
        """Have a customer send `PHOTO`, as message 1 of user-1 and on WhatsApp."""

    async def prune_log(self, up_to_seq: int) -> None:
        """Forget changes of user-1."""


class Fake:
    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.url = store.url

    async def connect(self, user_id: str, token: str | None = None) -> None:
        self.store.connect(PAGE.page_id, user_id, token=token)

    async def receive_messages(self, count: int) -> None:
        self.store.known = [
            KnownParticipant(
                user_id=ADA.user_id, platform=ADA.platform, participant_id=ADA.participant_id, profile=PROFILE
            )
        ]
        for _ in range(count):
            self.store.append("user-1")

    async def request_lookup(self) -> None:
        lookup = Lookup(user_id="user-1", platform="facebook", page_id="page-1", participant_id="person-1", attempts=0)
        self.store.due.append(lookup)

    async def receive_photo(self) -> None:
        self.store.media["user-1", PHOTOS, 1, 0] = Media(
            platform="whatsapp", page_id="page-1", attachment=PHOTO, version=0, owner=None
        )

    async def prune_log(self, up_to_seq: int) -> None:
        self.store.floors["user-1"] = up_to_seq


class Real:
    def __init__(self, url: str, public: httpx.AsyncClient, broker: LocalBroker, database: Database) -> None:
        self.url = url
        self.public = public
        self.broker = broker
        self.database = database

    async def connect(self, user_id: str, token: str | None = None) -> None:
        body = {"user_id": user_id, **({} if token is None else {"access_token": token})}
        headers = {"Authorization": f"Bearer {ADMIN}"}
        (await self.public.put("/api/accounts/facebook/page-1", json=body, headers=headers)).raise_for_status()

    async def receive_messages(self, count: int) -> None:
        events = [message(f"m-{n}", participant=PROFILE, created_at=at(n)) for n in range(count)]
        await self.broker.publish(events)

    async def request_lookup(self) -> None:
        await self.broker.publish([profile_requested()])

    async def receive_photo(self) -> None:
        await self.broker.publish([message("m-1", platform="whatsapp", attachments=(PHOTO,))])

    async def prune_log(self, up_to_seq: int) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute(Statement("UPDATE inboxes SET floor_seq = :floor"), {"floor": up_to_seq})
            await transaction.execute(Statement("DELETE FROM inbox_log WHERE seq <= :floor"), {"floor": up_to_seq})


@asynccontextmanager
async def fake(_: pytest.FixtureRequest) -> AsyncIterator[StoreUnderTest]:
    async with fake_store() as store:
        yield Fake(store)


@asynccontextmanager
async def real(request: pytest.FixtureRequest) -> AsyncIterator[StoreUnderTest]:
    database_url: str = request.getfixturevalue("database_url")
    settings = load(
        Settings,
        **{**SECRETS, "service_tokens": SERVICE_TOKEN, "encryption_keys": ENCRYPTION_KEY},
        database_url=database_url,
        store_port=0,
        store_internal_port=0,
    )
    async with AsyncExitStack() as stack:
        database = Database(database_url, pool_size=1, command_timeout_seconds=10)
        stack.push_async_callback(database.close)
        broker = await stack.enter_async_context(LocalBroker())
        ports = await stack.enter_async_context(lifespan(settings, broker, registry=CollectorRegistry()))
        public = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['store']}"))
        yield Real(f"http://127.0.0.1:{ports['store_internal']}", public, broker, database)


@pytest.fixture(params=[fake, pytest.param(real, marks=pytest.mark.postgres)], ids=["fake", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[StoreUnderTest]:
    async with request.param(request) as opened:
        yield opened


@pytest.fixture
async def client(store: StoreUnderTest) -> AsyncIterator[StoreClient]:
    async with http_client(total_seconds=10, connections=2) as http:
        yield client_of(http, store)


def client_of(http: httpx.AsyncClient, store: StoreUnderTest, token: str = SERVICE_TOKEN) -> StoreClient:
    return StoreClient(http, url=store.url, token=SecretStr(token), timeout_seconds=10)


async def test_a_page_has_its_owner_and_a_version_that_grows(store: StoreUnderTest, client: StoreClient) -> None:
    unknown = await client.page_owners("facebook", "page-1")
    assert unknown == PageOwners(platform="facebook", page_id="page-1", version=0, owners=())

    await store.connect("user-1", token="a-secret-token")
    first = await client.page_owners("facebook", "page-1")
    [owner] = first.owners
    assert (owner.user_id, owner.status, owner.owned_until) == ("user-1", "connected", None)
    assert owner.token_ciphertext is not None
    cipher = TokenCipher([SecretStr(ENCRYPTION_KEY)])
    assert cipher.decrypt(owner.token_ciphertext).get_secret_value() == "a-secret-token"

    await store.connect("user-2")
    second = await client.page_owners("facebook", "page-1")
    [owner] = [one for one in second.owners if one.owned_until is None]
    assert (owner.user_id, owner.token_ciphertext) == ("user-2", None)
    assert second.version > first.version > 0


async def test_known_participants_are_returned_and_unknown_ones_left_out(
    store: StoreUnderTest, client: StoreClient
) -> None:
    await store.receive_messages(1)
    others = [
        ParticipantKey(user_id="user-1", platform="facebook", participant_id="nobody"),
        ParticipantKey(user_id="user-2", platform="facebook", participant_id="person-1"),
        ParticipantKey(user_id="user-1", platform="instagram", participant_id="person-1"),
    ]

    assert await client.participants([]) == []
    assert await client.participants(others) == []
    [known] = await client.participants([ADA, *others, ADA])
    assert (known.user_id, known.platform, known.participant_id) == ("user-1", "facebook", "person-1")
    assert known.profile.name == "Ada"


async def test_a_lookup_is_claimed_once_and_not_for_an_excepted_page(
    store: StoreUnderTest, client: StoreClient
) -> None:
    await store.request_lookup()

    assert await client.claim_lookups(10, lease_seconds=30, except_pages=[PAGE]) == ()
    [lookup] = await client.claim_lookups(10, lease_seconds=30)
    assert lookup == Lookup(
        user_id="user-1", platform="facebook", page_id="page-1", participant_id="person-1", attempts=0
    )
    assert await client.claim_lookups(10, lease_seconds=30) == ()


async def test_the_log_is_read_from_a_position_and_users_come_in_the_order_asked(
    store: StoreUnderTest, client: StoreClient
) -> None:
    await store.receive_messages(5)

    answer = await client.log({"nobody": 0, "user-1": 1}, limit=3)

    nobody, user = answer.users
    assert (nobody.user_id, nobody.seq, nobody.floor_seq, nobody.frames) == ("nobody", 0, 0, ())
    assert (user.user_id, user.seq, user.floor_seq) == ("user-1", 5, 0)
    assert [(frame.seq, frame.kind) for frame in user.frames] == [(seq, "new_message") for seq in (2, 3, 4)]
    [at_the_top] = (await client.log({"user-1": 5})).users
    assert (at_the_top.seq, at_the_top.frames) == (5, ())


async def test_a_position_that_the_log_no_longer_reaches_gets_the_floor_and_no_frames(
    store: StoreUnderTest, client: StoreClient
) -> None:
    await store.receive_messages(5)
    await store.prune_log(3)

    [behind] = (await client.log({"user-1": 2})).users
    [at_the_floor] = (await client.log({"user-1": 3})).users

    assert (behind.seq, behind.floor_seq, behind.frames) == (5, 3, ())
    assert (at_the_floor.floor_seq, [frame.seq for frame in at_the_floor.frames]) == (3, [4, 5])


async def test_tops_are_those_of_the_log_and_of_its_epoch(store: StoreUnderTest, client: StoreClient) -> None:
    await store.receive_messages(2)

    tops = await client.tops(["user-1", "nobody"])

    assert tops.tops == {"user-1": 2, "nobody": 0}
    assert tops.epoch == (await client.log({})).epoch != ""


async def test_a_read_mark_never_moves_back_nor_past_the_top(store: StoreUnderTest, client: StoreClient) -> None:
    await store.receive_messages(3)

    async def mark(up_to_seq: int) -> int:
        request = ReadRequest(user_id="user-1", conversation_id=CONVERSATION, up_to_seq=up_to_seq)
        return (await client.mark_read(request)).seq

    assert [await mark(2), await mark(1)] == [2, 2]
    top = await mark(2**63 - 1)
    assert 3 <= top <= (await client.tops(["user-1"])).tops["user-1"]
    assert await mark(2) == top


async def test_a_conversation_that_the_user_does_not_have_cannot_be_read(client: StoreClient) -> None:
    with pytest.raises(NoSuchConversation):
        await client.mark_read(ReadRequest(user_id="user-1", conversation_id=UNKNOWN_CONVERSATION, up_to_seq=1))
    assert client.problems == []


async def test_an_attachment_is_found_by_its_place_in_the_inbox(store: StoreUnderTest, client: StoreClient) -> None:
    await store.receive_photo()
    place = MediaRequest(user_id="user-1", conversation_id=PHOTOS, id=1, index=0)

    found = await client.media(place)
    assert found is not None
    assert (found.platform, found.page_id, found.attachment) == ("whatsapp", "page-1", PHOTO)
    assert found.owner is None, "nobody has connected the page"
    for change in ({"user_id": "user-2"}, {"conversation_id": CONVERSATION}, {"id": 2}, {"index": 1}, {"index": -1}):
        assert await client.media(msgspec.structs.replace(place, **change)) is None


async def test_another_service_token_is_refused_everywhere(store: StoreUnderTest) -> None:
    async with http_client(total_seconds=10, connections=2) as http:
        stranger = client_of(http, store, token="another")
        calls = [
            stranger.page_owners("facebook", "page-1"),
            stranger.participants([ADA]),
            stranger.claim_lookups(1, lease_seconds=1),
            stranger.log({}),
            stranger.tops([]),
            stranger.media(MediaRequest(user_id="user-1", conversation_id=PHOTOS, id=1, index=0)),
            stranger.mark_read(ReadRequest(user_id="user-1", conversation_id=CONVERSATION, up_to_seq=1)),
        ]
        for call in calls:
            with pytest.raises(StoreRefused, match="SWITCHBOARD_SERVICE_TOKENS") as refused:
                await call
            assert refused.value.status == 401
    assert len(stranger.problems) == len(calls)


async def test_every_limit_is_enforced(client: StoreClient) -> None:
    pages = [PageKey(platform="facebook", page_id=str(n)) for n in range(paths.MAX_EXCEPT_PAGES + 1)]
    calls = [
        client.log({str(n): 0 for n in range(paths.MAX_POSITIONS + 1)}),
        client.log({}, limit=paths.MAX_FRAMES + 1),
        client.log({}, limit=0),
        client.tops([str(n) for n in range(paths.MAX_TOPS + 1)]),
        client.claim_lookups(0, lease_seconds=1),
        client.claim_lookups(paths.MAX_LOOKUPS + 1, lease_seconds=1),
        client.claim_lookups(1, lease_seconds=0),
        client.claim_lookups(1, lease_seconds=paths.MAX_LEASE_SECONDS + 1),
        client.claim_lookups(1, lease_seconds=1, except_pages=pages),
        client.mark_read(ReadRequest(user_id="user-1", conversation_id=CONVERSATION, up_to_seq=-1)),
        client._call(
            paths.PARTICIPANTS_PATH,
            ParticipantsRequest,
            ParticipantsRequest(participants=(ADA,) * (paths.MAX_PARTICIPANTS + 1)),
        ),
    ]
    for call in calls:
        with pytest.raises(StoreRefused) as refused:
            await call
        assert refused.value.status == 422
    await client.log({str(n): 0 for n in range(paths.MAX_POSITIONS)}, limit=paths.MAX_FRAMES)
    await client.tops([str(n) for n in range(paths.MAX_TOPS)])
    await client.claim_lookups(paths.MAX_LOOKUPS, lease_seconds=paths.MAX_LEASE_SECONDS, except_pages=pages[1:])


async def test_a_platform_that_does_not_exist_is_refused(client: StoreClient) -> None:
    with pytest.raises(StoreRefused) as refused:
        await client.page_owners("myspace", "page-1")  # type: ignore[arg-type]  # that is the point
    assert refused.value.status == 404
