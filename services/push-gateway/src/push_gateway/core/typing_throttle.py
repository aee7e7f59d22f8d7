"""Who writes where: which of a client's `typing` frames are worth passing on."""

TYPING_SECONDS = 6.0
"""How long somebody counts as writing after the last word of it."""
_REPEAT_SECONDS = 1.0
"""A repetition within this tells nobody anything: what was passed on lasts five seconds longer."""
_CONVERSATIONS = 4
"""A person writes in one at a time; more than this at once within a second is no person."""


class Typist:
    """One session's typing. Bounded: a few conversations, each once a second."""

    __slots__ = ("_passed_on",)

    def __init__(self) -> None:
        self._passed_on: dict[str, float] = {}

    def types(self, conversation_id: str, now: float) -> bool:
        """Return whether the others are to be told: then they count it for `TYPING_SECONDS` from `now`."""
        fresh = {known: at for known, at in self._passed_on.items() if now - at < _REPEAT_SECONDS}
        self._passed_on = fresh
        if conversation_id in fresh or len(fresh) >= _CONVERSATIONS:
            return False
        fresh[conversation_id] = now
        return True
