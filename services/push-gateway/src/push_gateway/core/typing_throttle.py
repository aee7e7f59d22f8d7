"""Decides which `typing` frames of a client are worth sending to others."""

TYPING_SECONDS = 6.0
"""How long somebody counts as typing after their last `typing` frame."""
_REPEAT_SECONDS = 1.0
"""A repetition within this tells nobody anything new: the frame before it is valid for five more seconds."""
_MAX_CONVERSATIONS = 4
"""A person types in one conversation at a time; more than this many within a second are not a person's."""


class TypingThrottle:
    """The `typing` frames of one session: few conversations at once, each at most once per second."""

    __slots__ = ("_sent_at",)

    def __init__(self) -> None:
        self._sent_at: dict[str, float] = {}

    def allow(self, conversation_id: str, now: float) -> bool:
        """Return whether to tell the others; they then show it for `TYPING_SECONDS` from `now` (monotonic seconds)."""
        recent = {known: sent_at for known, sent_at in self._sent_at.items() if now - sent_at < _REPEAT_SECONDS}
        self._sent_at = recent
        if conversation_id in recent or len(recent) >= _MAX_CONVERSATIONS:
            return False
        recent[conversation_id] = now
        return True
