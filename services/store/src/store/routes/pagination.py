"""Pages of lists: how a request names one, and how a response links to the next."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import Query

from store.core.cursors import CursorSigner

Limit = Annotated[int, Query(ge=1, le=200, description="Maximum number of entries in a response.")]
SearchLimit = Annotated[int, Query(ge=1, le=100, description="Maximum number of entries in a response.")]
EventsLimit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of frames in a response.")]
Cursor = Annotated[str | None, Query(max_length=2048, description="From the `next` link of the previous response.")]

Parameters = Mapping[str, str | int | None]
PositionT = TypeVar("PositionT", bound=msgspec.Struct)
EntryT = TypeVar("EntryT")


def next_link(path: str, parameters: Parameters) -> dict[str, str]:
    """Return the `Link` header to the next page (RFC 8288): relative, because a proxy's address is not known here."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return {"Link": f'<{path}?{query}>; rel="next"'}


class PageRequest(Generic[PositionT]):
    """A request for one page of a list.

    Args:
        path: of the list, for the link to the next page.
        parameters: the request's own filters, which that link repeats.
        bound_to: what a cursor is valid for: the user, the list and its filters.
        limit: maximum number of entries.
        cursor: where the page starts; None: at the beginning.

    Raises:
        InvalidCursor: the cursor was not issued for this list.
    """

    def __init__(
        self,
        signer: CursorSigner,
        position_type: type[PositionT],
        *,
        path: str,
        parameters: Parameters,
        bound_to: Sequence[str],
        limit: int,
        cursor: str | None,
    ) -> None:
        self._signer = signer
        self._path = path
        self._parameters = parameters
        self._bound_to = bound_to
        self.limit = limit
        self.after = None if cursor is None else signer.decode(cursor, position_type, bound_to=bound_to)
        """The position of the last entry of the previous page."""

    @property
    def fetch_limit(self) -> int:
        """How many entries to fetch: one more than the page holds tells whether there is a next page."""
        return self.limit + 1

    def cut(
        self, entries: Sequence[EntryT], position_of: Callable[[EntryT], PositionT]
    ) -> tuple[Sequence[EntryT], dict[str, str]]:
        """Return the entries of this page, and the `Link` header if there is a next one."""
        if len(entries) <= self.limit:
            return entries, {}
        page = entries[: self.limit]
        return page, self.link_after(position_of(page[-1]))

    def link_after(self, position: PositionT) -> dict[str, str]:
        """Return the `Link` header of a next page that starts after `position`."""
        cursor = self._signer.encode(position, bound_to=self._bound_to)
        return next_link(self._path, {**self._parameters, "limit": self.limit, "cursor": cursor})
