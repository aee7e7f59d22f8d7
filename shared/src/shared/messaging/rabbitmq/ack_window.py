"""Which deliveries of a channel may be acknowledged together. Pure."""


class AckWindow:
    """Delivery tags of one channel, in: finished in any order; out: how far everything is finished.

    AMQP numbers a channel's deliveries 1, 2, 3, ...; an acknowledgement with `multiple` covers every tag up to its own,
    so it may only name a tag before which nothing is unfinished. Holds at most the channel's prefetch of tags.
    """

    def __init__(self) -> None:
        self._top = 0
        self._finished: set[int] = set()

    def finish(self, tag: int) -> None:
        """Note that the delivery `tag` needs nothing more."""
        if tag > self._top:
            self._finished.add(tag)

    def advance(self) -> int | None:
        """Return the tag to acknowledge up to, or None where nothing has been added since the last one."""
        before = self._top
        while self._top + 1 in self._finished:
            self._top += 1
            self._finished.remove(self._top)
        return self._top if self._top > before else None
