from hypothesis import given
from hypothesis import strategies as st

from store.core.annotations import NO_ANNOTATIONS, Annotations, LatestReaction, edit_of, join
from tests.unit.store.facts import at

_seconds = st.integers(0, 2)
_moments = st.none() | _seconds.map(at)
_edits = st.builds(
    lambda text, revision, second: edit_of(text, revision=revision, at=at(second)),
    st.sampled_from(["one", "two", ""]),
    st.integers(0, 2),
    _seconds,
)
_reactions = st.dictionaries(
    st.sampled_from(["person-1", "page-1"]),
    st.builds(
        lambda second, emoji: LatestReaction(at=at(second), emoji=emoji), _seconds, st.sampled_from(["❤", "👍", None])
    ),
)


@st.composite
def _annotations(draw: st.DrawFn) -> Annotations:
    said = NO_ANNOTATIONS
    failed_at = draw(_moments)
    for part in (
        Annotations(edit=draw(st.none() | _edits), edited_at=draw(_moments)),
        Annotations(deleted_at=draw(_moments), reactions=draw(_reactions)),
        Annotations(delivered_at=draw(_moments), read_at=draw(_moments), read_covering_at=draw(_moments)),
        Annotations(played_at=draw(_moments)),
        Annotations(failed_at=failed_at, error=failed_at and draw(st.sampled_from([None, "a", "b"]))),
    ):
        said = join(said, part)
    return said


any_annotations = _annotations()


@given(any_annotations, any_annotations)
def test_join_is_commutative(one: Annotations, other: Annotations) -> None:
    assert join(one, other) == join(other, one)


@given(any_annotations, any_annotations, any_annotations)
def test_join_is_associative(one: Annotations, two: Annotations, three: Annotations) -> None:
    assert join(join(one, two), three) == join(one, join(two, three))


@given(any_annotations, any_annotations)
def test_join_is_idempotent(one: Annotations, other: Annotations) -> None:
    assert join(one, one) == one
    assert join(join(one, other), other) == join(one, other)
    assert join(one, NO_ANNOTATIONS) == join(NO_ANNOTATIONS, one) == one


@given(any_annotations, any_annotations)
def test_an_unsend_erases_every_edit_and_its_hash(one: Annotations, other: Annotations) -> None:
    joined = join(join(one, Annotations(deleted_at=at(0))), other)

    assert joined.edit is None


def _edited(text: str, revision: int, second: int) -> Annotations:
    return Annotations(edit=edit_of(text, revision=revision, at=at(second)), edited_at=at(second))


def test_the_highest_revision_wins_then_the_latest_time() -> None:
    assert join(_edited("second", 2, 1), _edited("first", 1, 9)).edit == _edited("second", 2, 1).edit
    assert join(_edited("late", 1, 2), _edited("early", 1, 1)).edit == _edited("late", 1, 2).edit
    assert join(_edited("second", 2, 1), _edited("first", 1, 9)).edited_at == at(9)


def test_a_reaction_wins_over_its_removal_at_the_same_time() -> None:
    on = Annotations(reactions={"a": LatestReaction(at=at(1), emoji="❤")})
    off = Annotations(reactions={"a": LatestReaction(at=at(1))})

    assert join(off, on) == join(on, off) == on


def test_the_first_failure_gives_the_error() -> None:
    silent = Annotations(failed_at=at(1))
    telling = Annotations(failed_at=at(1), error="no such number")
    later = Annotations(failed_at=at(2), error="blocked")

    assert join(join(later, telling), silent).error == "no such number"
    assert join(silent, later).error is None
