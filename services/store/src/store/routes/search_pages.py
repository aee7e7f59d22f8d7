"""One page of a search: people first, then messages; better matches first, and of equally good ones the newest."""

import asyncio
from datetime import UTC, datetime

import msgspec

from shared.contracts import Platform
from store.core.cursors import ConversationPosition, HitType, SearchPosition
from store.core.search.documents import message_search_text, person_search_text
from store.core.search.query import Query, SnippetPart, parse, parse_for_people, snippet
from store.core.search.tokenizer import tokenize
from store.repository import search
from store.repository.search import IndexProgress
from store.repository.statements import Connection
from store.routes.responses import SearchHit

_PEOPLE_AT_THE_TOP = 5
"""So many people at most where messages are wanted as well."""
_NEWEST = datetime.max.replace(tzinfo=UTC)


class SearchPage:
    """Goes through the stages of a search, from where the page before has ended.

    Args:
        transaction: of its own.
        only: people or messages; None: both.
        limit: most hits.
    """

    def __init__(
        self,
        transaction: Connection,
        user_id: str,
        q: str,
        *,
        platform: Platform | None,
        only: HitType | None,
        limit: int,
    ) -> None:
        self._transaction = transaction
        self._user_id = user_id
        self._queries: dict[HitType, Query] = {"person": parse_for_people(q), "message": parse(q)}
        self._platform = platform
        self._only = only
        self._room = limit
        self.hits: list[SearchHit] = []

    async def fill(self, start: SearchPosition | None) -> tuple[IndexProgress, SearchPosition | None]:
        """Gather hits; return how far the search reaches, and where the next page starts if there is one."""
        reach = await search.prepare(self._transaction, self._user_id)
        for stage in self._stages(start, newest_id=reach.last_seq):
            following = await (self._people(stage) if stage.type == "person" else self._messages(stage))
            if following is not None:
                return reach, following
        return reach, None

    def _stages(self, start: SearchPosition | None, *, newest_id: int) -> list[SearchPosition]:
        stages: list[SearchPosition] = [
            SearchPosition(hit_type, tier, newest_id + 1, _NEWEST, "")
            for hit_type, query in self._queries.items()
            for tier in query.tiers
            if self._only in (None, hit_type)
        ]
        if start is not None:
            first = next(
                (n for n, stage in enumerate(stages) if (stage.type, stage.tier) == (start.type, start.tier)),
                len(stages),
            )
            return [start, *stages[first + 1 :]]
        return stages

    async def _people(self, stage: SearchPosition) -> SearchPosition | None:
        room = self._room
        if self._only is None:
            room = min(room, _PEOPLE_AT_THE_TOP - len(self.hits))
        query = self._queries["person"]
        found = await search.people_ids(
            self._transaction,
            self._user_id,
            query,
            stage.tier,
            platform=self._platform,
            after=ConversationPosition(stage.last_message_at, stage.conversation_id),
            limit=room + 1,
        )
        shown, is_more = found[:room], len(found) > room
        self._room -= len(shown)
        ids = [position.conversation_id for position in shown]
        for conversation in await search.people(self._transaction, self._user_id, ids):
            if (found_in := await _snippet(query, person_search_text(conversation))) is not None:
                self.hits.append(SearchHit(type="person", conversation=conversation, snippet=found_in))
        if not is_more or self._only is None:
            return None
        last = shown[-1] if shown else ConversationPosition(stage.last_message_at, stage.conversation_id)
        return msgspec.structs.replace(
            stage, last_message_at=last.last_message_at, conversation_id=last.conversation_id
        )

    async def _messages(self, stage: SearchPosition) -> SearchPosition | None:
        query = self._queries["message"]
        found = await search.message_ids(
            self._transaction,
            self._user_id,
            query,
            stage.tier,
            platform=self._platform,
            before=stage.before,
            limit=self._room + 1,
        )
        shown, before = found.ids[: self._room], found.before
        if len(found.ids) > self._room:
            before = shown[-1] if shown else stage.before
        self._room -= len(shown)
        for message, conversation in await search.messages(self._transaction, self._user_id, shown):
            if (found_in := await _snippet(query, message_search_text(message))) is not None:
                self.hits.append(
                    SearchHit(type="message", conversation=conversation, message=message, snippet=found_in)
                )
        return None if before is None else msgspec.structs.replace(stage, before=before)


async def _snippet(query: Query, text: str) -> list[SnippetPart] | None:
    """Return where `text` matches; None where it does not. Long ones take milliseconds: others get their turn."""
    await asyncio.sleep(0)
    found = tokenize(text)
    return snippet(query, text, found) if query.matches(found) else None
