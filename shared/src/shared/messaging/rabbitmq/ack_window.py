"""Which deliveries of a channel can be acknowledged together. Pure."""


class AckWindow:
    """Takes delivery tags of one channel as they finish, in any order, and tells up to which tag all are finished.

    AMQP numbers a channel's deliveries 1, 2, 3, ... An acknowledgement with `multiple` covers every tag up to its own,
    so it may only name a tag before which nothing is unfinished. Holds at most as many tags as the channel's prefetch.
    """

    def __init__(self) -> None:
        self._top = 0
        self._finished: set[int] = set()

    def finish(self, tag: int) -> None:
        """Record that the delivery `tag` is finished."""
        if tag > self._top:
            self._finished.add(tag)

    def advance(self) -> int | None:
        """Return the tag to acknowledge up to; None if it has not changed since the last call."""
        before = self._top
        while self._top + 1 in self._finished:
            self._top += 1
            self._finished.remove(self._top)
        return self._top if self._top > before else None
