from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.core.audit import NO_HASH, AuditRecord, ChainCheck, ChainHead, record_hash

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)


def chained(contents: list[str], *, after: int = 0, previous: bytes = NO_HASH) -> list[AuditRecord]:
    """Return records with these targets, chained to `previous`."""
    made = []
    for number, content in enumerate(contents, start=after + 1):
        record = AuditRecord(
            number=number,
            at=AT + timedelta(seconds=number),
            actor_kind="admin",
            actor="ops",
            action="parked.shown",
            target=content,
            user_id=None if number % 2 else "user-1",
            details=msgspec.Raw(b'{"items":1}'),
            hash="",
        )
        previous = record_hash(previous, record)
        made.append(msgspec.structs.replace(record, hash=previous.hex()))
    return made


def problem(head: ChainHead, records: list[AuditRecord], known: dict[int, str] | None = None) -> str | None:
    check = ChainCheck(head, known)
    for record in records:
        if (broken := check.broken_by(record)) is not None:
            return broken
    return check.broken_end()


def head_of(records: list[AuditRecord], *, pruned: AuditRecord | None = None) -> ChainHead:
    return ChainHead(
        number=records[-1].number,
        hash=records[-1].hash,
        pruned_number=0 if pruned is None else pruned.number,
        pruned_hash=NO_HASH.hex() if pruned is None else pruned.hash,
    )


CHANGES = {
    "at": AT + timedelta(microseconds=1),
    "actor_kind": "user",
    "actor": "somebody",
    "action": "parked.listed",
    "target": "another",
    "user_id": "user-2",
    "details": msgspec.Raw(b'{"items": 1}'),
    "hash": "0" * 64,
}


@given(st.integers(2, 12), st.data())
def test_any_single_change_of_a_chain_is_found(length: int, data: st.DataObject) -> None:
    whole = chained([f"item-{number}" for number in range(length)])
    assert problem(head_of(whole), whole) is None
    at = data.draw(st.integers(0, length - 1))
    tampered = list(whole)
    match data.draw(st.sampled_from(["change", "delete", "swap", "insert"])):
        case "change":
            field = data.draw(st.sampled_from(sorted(CHANGES)))
            tampered[at] = msgspec.structs.replace(whole[at], **{field: CHANGES[field]})
        case "delete":
            del tampered[at]
        case "swap":
            other = (at + 1) % length
            tampered[at], tampered[other] = tampered[other], tampered[at]
        case _:
            tampered.insert(at, msgspec.structs.replace(whole[at], target="forged"))

    assert problem(head_of(whole), tampered) is not None


@given(st.lists(st.text(max_size=5), min_size=2, max_size=2, unique=True))
def test_text_cannot_move_from_one_field_to_the_next(parts: list[str]) -> None:
    [record] = chained(["x"])
    one = msgspec.structs.replace(record, actor=parts[0] + parts[1], target="")
    other = msgspec.structs.replace(record, actor=parts[0], target=parts[1])

    assert (record_hash(NO_HASH, one) == record_hash(NO_HASH, other)) == (one == other)


def test_the_first_broken_record_is_named() -> None:
    whole = chained(["a", "b", "c", "d"])
    changed = [*whole[:2], msgspec.structs.replace(whole[2], actor="somebody"), whole[3]]

    assert (problem(head_of(whole), changed) or "").startswith("Record 3 ")
    assert (problem(head_of(whole), [whole[0], *whole[2:]]) or "").startswith("Record 2 is missing")
    assert (problem(head_of(whole), whole[:3]) or "").startswith("Record 4 is missing")


def test_a_chain_whose_start_was_deleted_continues_at_the_checkpoint() -> None:
    whole = chained(["a", "b", "c", "d"])

    assert problem(head_of(whole, pruned=whole[1]), whole[2:]) is None
    assert problem(head_of(whole, pruned=whole[1]), whole[3:]) is not None
    assert problem(head_of(whole, pruned=whole[0]), whole[2:]) is not None


def test_a_log_that_was_rewritten_as_a_whole_differs_from_a_hash_kept_elsewhere() -> None:
    whole = chained(["a", "b", "c"])
    rewritten = chained(["a", "b", "forged"])

    assert problem(head_of(rewritten), rewritten) is None
    assert problem(head_of(rewritten), rewritten, {3: whole[2].hash}) is not None
    assert problem(head_of(whole), whole, {3: whole[2].hash}) is None
    assert (
        problem(head_of(whole[:2]), whole[:2], {3: whole[2].hash})
        == "Record 3 is missing: it was written down elsewhere."
    )


@pytest.mark.parametrize("records_appended_later", [0, 2])
def test_the_position_to_keep_is_the_last_verified_record(records_appended_later: int) -> None:
    whole = chained(["a", "b", "c"])
    check = ChainCheck(head_of(whole[: 3 - records_appended_later]))
    for record in whole:
        assert check.broken_by(record) is None

    assert check.broken_end() is None, "records may be appended while the log is read"
    assert (check.records, check.position) == (3, f"3:{whole[-1].hash}")
