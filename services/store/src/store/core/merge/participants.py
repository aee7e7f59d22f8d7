"""Customers: what they look like, and under which other ids they are known."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from shared.contracts import Profile, conversation_id
from store.core.facts import Arrival
from store.core.merge.state import News, Overlay
from store.core.rows import ConversationKey, ParticipantKey


def later_profile(one: Profile | None, other: Profile | None) -> Profile | None:
    """Return the one fetched later; of equally late ones the greater by name, username, picture."""
    if one is None or other is None:
        return one or other
    if one == other:  # as nearly always: the sender is known
        return one
    return max(one, other, key=_profile_order)


def learn_profile(overlay: Overlay, arrival: Arrival, profile: Profile) -> News:
    """Apply a profile, or keep it until the conversation comes."""
    assert arrival.participant_id is not None
    assert arrival.conversation_id is not None
    conversation = overlay.conversations.get(ConversationKey(arrival.user_id, arrival.conversation_id))
    if conversation is None:
        participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
        kept = later_profile(overlay.waiting_profiles.get(participant), profile)
        assert kept is not None
        was = overlay.waiting_profiles.get(participant)
        overlay.waiting_profiles[participant] = kept
        overlay.kept_profiles[participant] = None
        return _news(was, kept)
    learnt = later_profile(conversation.profile, profile)
    if learnt == conversation.profile:
        return News.NONE
    changed = replace(conversation, profile=learnt)
    if _looks_alike(learnt, conversation.profile):
        overlay.put_conversation(changed)
        return News.NONE
    overlay.change_conversation(arrival, changed)
    return News.STORED


def link(overlay: Overlay, arrival: Arrival) -> News:
    """Apply the participant's other ids."""
    assert arrival.participant_id is not None
    assert arrival.conversation_id is not None
    participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
    conversation = overlay.conversations.get(ConversationKey(arrival.user_id, arrival.conversation_id))
    known = overlay.aliases_of(participant) if conversation is None else conversation.aliases
    news = [alias for alias in arrival.aliases if alias not in known]
    if not news:
        return News.NONE
    if conversation is not None:
        overlay.change_conversation(arrival, replace(conversation, aliases=linked(known, news)))
    link_elsewhere(overlay, arrival, news)
    return News.STORED


def link_elsewhere(overlay: Overlay, arrival: Arrival, aliases: Sequence[str]) -> None:
    """Note ids of the participant that were not known, and tell the conversations that go by them."""
    assert arrival.participant_id is not None
    participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
    for alias in aliases:
        overlay.put_link(participant, alias)
        key = ConversationKey(arrival.user_id, conversation_id(arrival.platform, arrival.user_id, alias))
        other = overlay.conversations.get(key)
        if other is None or (other.platform, other.participant_id) != (arrival.platform, alias):
            continue
        known = linked(other.aliases, [arrival.participant_id])
        if known != other.aliases:
            overlay.change_conversation(arrival, replace(other, aliases=known))


def linked(known: Iterable[str], aliases: Sequence[str]) -> tuple[str, ...]:
    """Return `known` with `aliases`, sorted."""
    return tuple(sorted({*known, *aliases}))


def _news(was: Profile | None, now: Profile) -> News:
    return News.NONE if _looks_alike(was, now) else News.STORED


def _profile_order(profile: Profile) -> tuple[object, ...]:
    return (profile.fetched_at, profile.name or "", profile.username or "", profile.profile_pic or "")


def _looks_alike(one: Profile | None, other: Profile | None) -> bool:
    """Whether a person sees no difference between the two."""
    if one is None or other is None:
        return one is other
    return (one.name, one.username, one.profile_pic) == (other.name, other.username, other.profile_pic)
