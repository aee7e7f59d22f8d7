"""Merging what is known of participants: profiles and aliases."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from shared.contracts import Profile, conversation_id
from store.core.facts import Update
from store.core.merge.state import Effect, MergeState
from store.core.rows import ConversationKey, ParticipantKey


def later_profile(one: Profile | None, other: Profile | None) -> Profile | None:
    """Return the profile that was fetched later; of simultaneous ones the greater by name, username and picture."""
    if one is None or other is None:
        return one or other
    if one == other:  # the usual case: the sender is known
        return one
    return max(one, other, key=_profile_order)


def apply_profile(state: MergeState, update: Update, profile: Profile) -> Effect:
    """Apply a profile; if the conversation does not exist yet, the profile is kept pending."""
    assert update.participant_id is not None
    assert update.conversation_id is not None
    conversation = state.conversations.get(ConversationKey(update.user_id, update.conversation_id))
    if conversation is None:
        participant = ParticipantKey(update.user_id, update.platform, update.participant_id)
        was = state.pending_profiles.get(participant)
        pending = later_profile(was, profile)
        assert pending is not None
        state.put_pending_profile(participant, pending)
        return Effect.NONE if _looks_same(was, pending) else Effect.STORED
    latest = later_profile(conversation.profile, profile)
    if latest == conversation.profile:
        return Effect.NONE
    changed = replace(conversation, profile=latest)
    if _looks_same(latest, conversation.profile):
        state.put_conversation(changed)
        return Effect.NONE
    state.change_conversation(update, changed)
    return Effect.STORED


def apply_aliases(state: MergeState, update: Update) -> Effect:
    """Apply other IDs of the participant."""
    assert update.participant_id is not None
    assert update.conversation_id is not None
    participant = ParticipantKey(update.user_id, update.platform, update.participant_id)
    conversation = state.conversations.get(ConversationKey(update.user_id, update.conversation_id))
    known = state.aliases_of(participant) if conversation is None else conversation.aliases
    new = [alias for alias in update.aliases if alias not in known]
    if not new:
        return Effect.NONE
    if conversation is not None:
        state.change_conversation(update, replace(conversation, aliases=merge_aliases(known, new)))
    link_other_conversations(state, update, new)
    return Effect.STORED


def link_other_conversations(state: MergeState, update: Update, aliases: Sequence[str]) -> None:
    """Store new aliases of the participant, and add the participant to the conversations of those aliases."""
    assert update.participant_id is not None
    participant = ParticipantKey(update.user_id, update.platform, update.participant_id)
    for alias in aliases:
        state.put_link(participant, alias)
        key = ConversationKey(update.user_id, conversation_id(update.platform, update.user_id, alias))
        other = state.conversations.get(key)
        if other is None or (other.platform, other.participant_id) != (update.platform, alias):
            continue
        merged = merge_aliases(other.aliases, [update.participant_id])
        if merged != other.aliases:
            state.change_conversation(update, replace(other, aliases=merged))


def merge_aliases(known: Iterable[str], aliases: Sequence[str]) -> tuple[str, ...]:
    """Return `known` and `aliases` together, sorted."""
    return tuple(sorted({*known, *aliases}))


def _profile_order(profile: Profile) -> tuple[object, ...]:
    return (profile.fetched_at, profile.name or "", profile.username or "", profile.profile_pic or "")


def _looks_same(one: Profile | None, other: Profile | None) -> bool:
    """Return whether users see no difference between the two."""
    if one is None or other is None:
        return one is other
    return (one.name, one.username, one.profile_pic) == (other.name, other.username, other.profile_pic)
