"""The audit log on a real database: who did what is recorded, and whatever changes it afterwards is found."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner, Result

from shared.errors import SwitchboardError
from store.core.audit import Action, Actor, AuditEntry, AuditRecord, ChainCheck
from store.jobs.agent_audit import AgentAuditJob
from store.jobs.backlog import BacklogMonitor
from store.repository import audit
from store.repository.audit import AuditFilter
from store.repository.inbox.read_marks import mark_read
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from switchboard.__main__ import app
from tests.builders import item_parked
from tests.integration.store.parts import ADMIN, Parts, Service, message, now, problem

OPS = Actor("admin", "ops")
SECRET_SAUCE = "words of a customer"
_WITHOUT_TRIGGERS = Statement("SET LOCAL session_replication_role = replica")

_INSERT = """
    INSERT INTO audit_log (at, actor_kind, actor, action, target, details)
    VALUES (now(), 'admin', 'ops', 'parked.shown', 'lost', '{}')
"""
_UNAVAILABLE = """
    CREATE FUNCTION unavailable() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'cannot_connect_now'; END $$
"""
_UNAVAILABLE_TO_WRITERS = (
    "CREATE TRIGGER a BEFORE INSERT ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION unavailable()"
)


def entry(target: str = "item", **changes: Any) -> AuditEntry:
    return AuditEntry(**{"actor": OPS, "action": Action.PARKED_SHOWN, "target": target, "user_id": None, **changes})


async def append(database: Database, *entries: AuditEntry, at: datetime | None = None) -> None:
    async with database.transaction() as transaction:
        await audit.append(transaction, entries, now=at or now())


async def records(database: Database) -> list[AuditRecord]:
    return [record async for record in audit.chain(database)]


async def broken(database: Database) -> str | None:
    check = ChainCheck(await audit.head(database))
    for record in await records(database):
        if (found := check.broken_by(record)) is not None:
            return found
    return check.broken_end()


async def test_the_database_chains_records_with_the_hash_that_is_verified(database: Database) -> None:
    tricky = entry("12:ü🚢,", user_id="user-1", details={"n": 1, "ids": ["\0", "é"], "none": None})
    await append(database, entry("a"), tricky)
    await append(database, entry("b"))

    assert [(record.number, record.target) for record in await records(database)] == [
        (1, "a"),
        (2, "12:ü🚢,"),
        (3, "b"),
    ]
    assert await broken(database) is None


async def test_concurrent_writers_make_one_chain_and_lose_nothing(database: Database) -> None:
    await asyncio.gather(*(append(database, entry(f"{writer}-a"), entry(f"{writer}-b")) for writer in range(40)))

    found = await records(database)
    assert [record.number for record in found] == list(range(1, 81))
    assert {record.target for record in found} == {f"{writer}-{half}" for writer in range(40) for half in "ab"}
    assert await broken(database) is None


async def test_what_is_rolled_back_leaves_no_record_and_no_hole(database: Database) -> None:
    await append(database, entry("a"))

    async def fail() -> None:
        async with database.transaction() as transaction:
            await audit.append(transaction, [entry("never")], now=now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await append(database, entry("b"))

    assert [(record.number, record.target) for record in await records(database)] == [(1, "a"), (2, "b")]
    assert await broken(database) is None


async def test_a_writer_whose_connection_breaks_blocks_nobody(database: Database, database_url: str) -> None:
    dying = await asyncpg.connect(database_url)
    await dying.execute("BEGIN")
    await dying.execute(_INSERT)
    waiting = asyncio.create_task(append(database, entry("b")))
    dying.terminate()
    await asyncio.wait_for(waiting, 20)

    assert [record.target for record in await records(database)] == ["b"]
    assert await broken(database) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody' WHERE number = 2",
        "DELETE FROM audit_log WHERE number = 3",
        "TRUNCATE audit_log",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
    ],
)
async def test_the_database_refuses_to_change_what_is_recorded(parts: Parts, statement: str) -> None:
    await append(parts.database, entry("a"), entry("b"), entry("c"))

    with pytest.raises((SwitchboardError, asyncpg.PostgresError), match="append-only"):
        await parts.execute(statement)
    assert [record.target for record in await records(parts.database)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE number = 2",
        "UPDATE audit_log SET actor_kind = 'user' WHERE number = 2",
        "UPDATE audit_log SET actor = 'nobody' WHERE number = 2",
        "UPDATE audit_log SET action = 'parked.listed' WHERE number = 2",
        "UPDATE audit_log SET target = 'x' WHERE number = 2",
        "UPDATE audit_log SET user_id = 'user-2' WHERE number = 2",
        "UPDATE audit_log SET details = '{\"items\":2}' WHERE number = 2",
        "UPDATE audit_log SET hash = sha256('x') WHERE number = 2",
        "DELETE FROM audit_log WHERE number = 1",
        "DELETE FROM audit_log WHERE number = 2",
        "DELETE FROM audit_log WHERE number = 3",
        "UPDATE audit_log SET number = CASE number WHEN 1 THEN 2 ELSE 1 END WHERE number < 3",
        "UPDATE audit_log SET number = number + 10 WHERE number = 3",
        "INSERT INTO audit_log SELECT (jsonb_populate_record(a, '{\"number\":4}')).* FROM audit_log a LIMIT 1",
        "INSERT INTO audit_log SELECT (jsonb_populate_record(a, '{\"number\":0}')).* FROM audit_log a LIMIT 1",
        "UPDATE audit_head SET hash = sha256('x')",
        "UPDATE audit_head SET number = 4",
        "UPDATE audit_head SET pruned_number = 1",
    ],
)
async def test_a_row_that_was_changed_behind_the_back_of_the_triggers_is_found(
    database: Database, statement: str
) -> None:
    await append(database, entry("a"), entry("b", details={"items": 1}), entry("c"))
    assert await broken(database) is None

    # The primary key would notice numbers that are swapped one after the other.
    async with database.transaction() as transaction:
        await transaction.execute(Statement("ALTER TABLE audit_log DROP CONSTRAINT audit_log_pkey"))
        await transaction.execute(_WITHOUT_TRIGGERS)
        await transaction.execute(Statement(statement))

    assert await broken(database) is not None


async def test_details_have_a_bound(database: Database) -> None:
    with pytest.raises(audit.DetailsTooLarge):
        await append(database, entry(details={"text": "x" * 20_000}))
    assert await records(database) == []


async def test_a_log_that_retention_has_cut_still_verifies(database: Database) -> None:
    old = now() - timedelta(days=500)
    await append(database, *(entry(f"old-{number}") for number in range(5)), at=old)
    await append(database, entry("new"))
    await append(database, entry("old, from a clock that is wrong"), at=old)

    before = now() - timedelta(days=400)
    assert [await audit.prune(database, before=before, limit=3) for _ in range(3)] == [3, 2, 0]

    assert [record.number for record in await records(database)] == [6, 7]
    assert (await audit.head(database)).pruned_number == 5
    assert await broken(database) is None
    await append(database, entry("next"))
    assert await broken(database) is None


async def test_the_last_day_is_never_deleted(database: Database) -> None:
    await append(database, entry("a"))

    with pytest.raises((SwitchboardError, asyncpg.PostgresError), match="last day"):
        await audit.prune(database, before=now() + timedelta(days=1), limit=10)
    assert len(await records(database)) == 1


async def _entries(database: Database) -> list[tuple[str, str, str, str | None]]:
    return [(each.actor, each.action, each.target, each.user_id) for each in await records(database)]


async def test_what_administrators_do_is_recorded_under_their_names(
    start: Callable[..., AbstractAsyncContextManager[Service]], database: Database
) -> None:
    desk, root = "desk-token-0123456789", "root-token-0123456789"
    tokens = f"desk:parked:read+tokens:mint:{desk},root:*:{root}"
    async with start(admin_tokens=tokens) as service:
        service.admin = {"Authorization": f"Bearer {root}"}
        at_desk = {"Authorization": f"Bearer {desk}"}
        assert (await service.connect(access_token="a-secret-token", name=SECRET_SAUCE)).status_code == 201
        assert (await service.connect(name=SECRET_SAUCE)).status_code == 200
        await service.public.post("/api/tokens", headers=at_desk, json={"user_id": "user-1"})
        await service.broker.publish([message("m-1", content=f"{SECRET_SAUCE}\0")])
        [parked] = (await service.public.get("/api/parked", headers=at_desk)).json()
        assert (await service.public.get(f"/api/parked/{parked['id']}", headers=at_desk)).status_code == 200
        ids = {"ids": [parked["id"], "unknown"]}
        refused = await service.public.post("/api/parked/replay", headers=at_desk, json=ids)
        assert problem(refused) == (403, "forbidden")
        assert "parked:write" in refused.json()["detail"]
        assert (await service.public.post("/api/parked/replay", headers=service.admin, json=ids)).status_code == 200
        assert (await service.public.delete("/api/accounts/facebook/page-1", headers=service.admin)).status_code == 204

    assert await _entries(database) == [
        ("root", "account.connected", "facebook/page-1", "user-1"),
        ("root", "account.changed", "facebook/page-1", "user-1"),
        ("desk", "token.minted", "user-1", "user-1"),
        ("desk", "parked.listed", "", None),
        ("desk", "parked.shown", parked["id"], None),
        ("root", "parked.replayed", parked["id"], None),
        ("root", "account.disconnected", "facebook/page-1", "user-1"),
    ]
    logged = msgspec.json.encode(await records(database)).decode()
    assert not [secret for secret in (desk, root, "a-secret-token", SECRET_SAUCE, "person-1") if secret in logged]
    assert await broken(database) is None


async def test_each_route_of_administrators_demands_its_scope(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    token = "weak-token-0123456789"
    routes = [
        ("GET", "/api/accounts"),
        ("PUT", "/api/accounts/facebook/page-1"),
        ("DELETE", "/api/accounts/facebook/page-1"),
        ("POST", "/api/tokens"),
        ("GET", "/api/parked"),
        ("GET", "/api/parked/x"),
        ("POST", "/api/parked/replay"),
        ("GET", "/api/ledger"),
        ("GET", "/api/ledger/unaccounted"),
        ("GET", "/api/verify"),
        ("GET", "/api/audit"),
        ("GET", "/api/audit/chain"),
        ("POST", "/api/keys/rotate"),
    ]
    async with start(admin_tokens=f"weak:people:export:{token}") as service:
        for method, path in routes:
            body = {"user_id": "user-1"} if method == "PUT" or path == "/api/tokens" else {"ids": ["x"]}
            answer = await service.public.request(
                method,
                path,
                headers={"Authorization": f"Bearer {token}"},
                json=body if method in ("PUT", "POST") else None,
            )
            assert problem(answer) == (403, "forbidden"), (method, path)
            assert "insufficient_scope" in answer.headers["www-authenticate"]


async def test_parked_items_are_not_shown_while_the_audit_log_cannot_be_written(
    service: Service, database: Database
) -> None:
    item = item_parked(id="9" * 32)
    await service.broker.publish([item])
    async with database.transaction() as transaction:
        for statement in (_UNAVAILABLE, _UNAVAILABLE_TO_WRITERS):
            await transaction.execute(Statement(statement))

    for path in ("/api/parked", f"/api/parked/{item.id}"):
        answer = await service.public.get(path, headers=service.admin)
        assert problem(answer) == (503, "unavailable")
        assert item.id not in answer.text


async def test_records_are_listed_by_actor_action_tenant_and_time(database: Database) -> None:
    early, late = now() - timedelta(hours=2), now()
    await append(database, entry("a", user_id="user-1"), at=early)
    await append(database, entry("b", actor=Actor("admin", "desk")), entry("c", action=Action.TOKEN_MINTED), at=late)

    async def targets(**chosen: Any) -> list[str]:
        return [each.target for each in await audit.list_records(database, AuditFilter(**chosen), limit=10)]

    assert await targets() == ["c", "b", "a"]
    assert await targets(actor="desk") == ["b"]
    assert await targets(action="token.minted") == ["c"]
    assert await targets(user_id="user-1") == ["a"]
    assert await targets(since=late) == ["c", "b"]
    assert await targets(until=late) == ["a"]


async def test_the_log_is_read_in_pages_with_its_filters(service: Service, database: Database) -> None:
    await append(database, *(entry(f"a-{number}") for number in range(5)), entry("b", actor=Actor("admin", "desk")))

    async def get(url: str, **filters: str | int) -> Any:
        return await service.public.get(url, headers=service.admin, params=filters or None)

    first = await get("/api/audit", actor="ops", limit=3)
    rest = await get(first.links["next"]["url"])
    assert [each["target"] for each in first.json() + rest.json()] == [f"a-{number}" for number in (4, 3, 2, 1, 0)]
    assert "next" not in rest.links
    cursor = first.links["next"]["url"].rsplit("cursor=", 1)[1]
    assert problem(await get("/api/audit", actor="desk", cursor=cursor)) == (422, "invalid-cursor")
    assert problem(await get("/api/audit", action="nothing.happened")) == (422, "invalid-request")
    assert (await get("/api/audit", action="parked.shown", until="2020-01-01T00:00:00Z")).json() == []


def verify(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", "verify", "--api", url, "--admin-token", ADMIN, *arguments])


async def test_the_command_verifies_the_log_and_keeps_its_head(
    service: Service, database: Database, tmp_path: Path
) -> None:
    url, head = f"{service.public.base_url}/api", tmp_path / "head"
    await append(database, *(entry(f"item-{number}") for number in range(2_500)))
    first = await asyncio.to_thread(verify, url, "--head-file", str(head))
    assert (first.exit_code, head.read_text()) == (0, first.stdout), first.output
    assert first.stdout.startswith("2500:")
    await append(database, entry("next"))
    second = await asyncio.to_thread(verify, url, "--head-file", str(head))
    assert (second.exit_code, second.stdout.split(":")[0]) == (0, "2501"), second.output
    assert (await asyncio.to_thread(verify, url, "--expect", first.stdout.strip())).exit_code == 0

    async with database.transaction() as transaction:
        await transaction.execute(_WITHOUT_TRIGGERS)
        await transaction.execute(Statement("UPDATE audit_log SET actor = 'nobody' WHERE number = 1234"))
    changed = await asyncio.to_thread(verify, url, "--head-file", str(head))
    assert changed.exit_code == 1
    assert "after 1233 good records. Record 1234 " in changed.stderr
    assert head.read_text() == second.stdout, "a broken log replaces nothing"


async def test_the_command_notices_a_log_that_was_rewritten_as_a_whole(service: Service, database: Database) -> None:
    url = f"{service.public.base_url}/api"
    await append(database, entry("a"), entry("b"))
    kept = (await asyncio.to_thread(verify, url)).stdout.strip()
    async with database.transaction() as transaction:
        for statement in (
            "SET LOCAL session_replication_role = replica",
            "DELETE FROM audit_log",
            "UPDATE audit_head SET number = 0, hash = pruned_hash",
            "SET LOCAL session_replication_role = origin",
        ):
            await transaction.execute(Statement(statement))
    await append(database, entry("a"), entry("forged"))

    assert (await asyncio.to_thread(verify, url)).exit_code == 0
    rewritten = await asyncio.to_thread(verify, url, "--expect", kept)
    assert (rewritten.exit_code, "rewritten" in rewritten.stderr) == (1, True), rewritten.output


async def test_retention_cuts_the_log_and_the_command_still_verifies_it(
    service: Service, database: Database, parts: Parts
) -> None:
    url = f"{service.public.base_url}/api"
    await append(database, entry("old"), entry("older"), at=now() - timedelta(days=10))
    kept = (await asyncio.to_thread(verify, url)).stdout.strip()
    await append(database, entry("new"))
    await parts.apply_retention(audit_retention_days=5)

    assert [each.target for each in await records(database)] == ["new"]
    assert (await asyncio.to_thread(verify, url, "--expect", kept)).exit_code == 0
    forged = f"2:{'0' * 64}"
    assert (await asyncio.to_thread(verify, url, "--expect", forged)).exit_code == 1
    assert (await asyncio.to_thread(verify, url, "--expect", "not a head")).exit_code == 1


async def _read(parts: Parts, user: str, conversation: str, up_to_seq: int) -> None:
    mark = await mark_read(
        parts.database, user, conversation, up_to_seq=up_to_seq, cause_id=f"{user}-{up_to_seq}", now=now()
    )
    assert mark is not None


async def test_what_agents_read_is_recorded_once_per_run_and_agent(parts: Parts) -> None:
    for user, person in (("user-1", "p-1"), ("user-1", "p-2"), ("user-2", "p-1")):
        await parts.inbox([message(f"m-{user}-{person}", user=user, person=person)])
    conversations = await parts.rows("SELECT user_id, conversation_id, last_seq FROM conversations ORDER BY 1, 2")
    job = AgentAuditJob(parts.database, utc_now=now)
    for _ in range(2):
        for user, conversation, last_seq in conversations:
            await _read(parts, user, conversation, last_seq)

    await asyncio.gather(*(job.run_once() for _ in range(4)))
    await job.run_once()

    found = await records(parts.database)
    assert [(each.actor_kind, each.actor, each.action, each.user_id) for each in found] == [
        ("user", "user-1", "conversations.read", "user-1"),
        ("user", "user-2", "conversations.read", "user-2"),
    ]
    marks = [msgspec.json.decode(each.details)["marks"] for each in found]
    assert marks == [2, 1], "reading again moves nothing"
    assert not [text for text in ("p-1", "m-user") if text in msgspec.json.encode(found).decode()]
    assert await broken(parts.database) is None


async def test_what_agents_read_waits_while_the_audit_log_cannot_be_written(parts: Parts) -> None:
    await parts.inbox([message()])
    [(conversation, last_seq)] = await parts.rows("SELECT conversation_id, last_seq FROM conversations")
    job = AgentAuditJob(parts.database, utc_now=now)
    for statement in (_UNAVAILABLE, _UNAVAILABLE_TO_WRITERS):
        await parts.execute(statement)
    await _read(parts, "user-1", conversation, last_seq)
    await job.run_once()
    assert await records(parts.database) == []

    await parts.execute("DROP TRIGGER a ON audit_log")
    await job.run_once()
    assert [each.action for each in await records(parts.database)] == ["conversations.read"]


async def test_a_role_that_may_only_append_can_neither_change_the_log_nor_its_end(
    database: Database, database_url: str
) -> None:
    old = now() - timedelta(days=500)
    await append(database, entry("old"), at=old)
    connection = await asyncpg.connect(database_url)
    whole = connection.transaction()
    await whole.start()
    try:
        for statement in (
            "CREATE ROLE role_of_the_audit_test",
            "GRANT SELECT, INSERT ON audit_log TO role_of_the_audit_test",
            "GRANT SELECT ON audit_head TO role_of_the_audit_test",
            "SET LOCAL ROLE role_of_the_audit_test",
            _INSERT,
        ):
            await connection.execute(statement)
        assert await connection.fetchval("SELECT number FROM audit_head") == 2
        for forbidden in (
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
            "UPDATE audit_head SET number = 0",
            "INSERT INTO audit_head SELECT 2, 0, hash, 0, hash FROM audit_head",
            "ALTER TABLE audit_log DISABLE TRIGGER ALL",
            "SELECT audit_prune(now(), 10)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(forbidden)
        before = now() - timedelta(days=400)
        assert await connection.fetchval("SELECT audit_prune($1, 10)", before) == 1
    finally:
        await whole.rollback()
        await connection.close()


async def test_the_number_of_the_last_record_is_a_metric(parts: Parts) -> None:
    await append(parts.database, entry("a"), entry("b"))

    await BacklogMonitor(parts.database, utc_now=now, metrics=parts.metrics).run_once()

    [metric] = parts.metrics.audit_number.collect()
    assert metric.samples[0].value == 2
