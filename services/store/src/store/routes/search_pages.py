"""One page of search results: people first, then messages; better matches first, then newer ones."""

import asyncio
from datetime import UTC, datetime

import msgspec

from shared.contracts import Platform
from store.core.cursors import ConversationPosition, HitType, SearchPosition
from store.core.search.documents import message_search_text, person_search_text
from store.core.search.query import Query, SnippetPart, parse, parse_for_people, snippet
from store.core.search.tokenizer import tokenize
from store.repository.postgres.statements import Connection
from store.repository.search import matching
from store.repository.search.matching import IndexProgress
from store.routes.responses import SearchHit

_PEOPLE_AT_THE_TOP = 5
"""Maximum number of people if messages are searched as well."""
_NEWEST = datetime.max.replace(tzinfo=UTC)


class SearchPage:
    """Goes through the stages of a search, starting where the previous page ended.

    Args:
        transaction: one that runs nothing else.
        only: people or messages; None: both.
        limit: maximum number of hits.
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
        self._capacity = limit
        self.hits: list[SearchHit] = []

    async def fill(self, start: SearchPosition | None) -> tuple[IndexProgress, SearchPosition | None]:
        """Collect hits; return how far the index reaches, and where the next page starts, if there is one."""
        progress = await matching.begin(self._transaction, self._user_id)
        for stage in self._stages(start, newest_id=progress.last_seq):
            following = await (self._people(stage) if stage.type == "person" else self._messages(stage))
            if following is not None:
                return progress, following
        return progress, None

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
        capacity = self._capacity
        if self._only is None:
            capacity = min(capacity, _PEOPLE_AT_THE_TOP - len(self.hits))
        query = self._queries["person"]
        found = await matching.find_people(
            self._transaction,
            self._user_id,
            query,
            stage.tier,
            platform=self._platform,
            after=ConversationPosition(stage.last_message_at, stage.conversation_id),
            limit=capacity + 1,
        )
        shown, is_more = found[:capacity], len(found) > capacity
        self._capacity -= len(shown)
        ids = [position.conversation_id for position in shown]
        for conversation in await matching.load_people(self._transaction, self._user_id, ids):
            if (matched := await _snippet(query, person_search_text(conversation))) is not None:
                self.hits.append(SearchHit(type="person", conversation=conversation, snippet=matched))
        if not is_more or self._only is None:
            return None
        last = shown[-1] if shown else ConversationPosition(stage.last_message_at, stage.conversation_id)
        return msgspec.structs.replace(
            stage, last_message_at=last.last_message_at, conversation_id=last.conversation_id
        )

    async def _messages(self, stage: SearchPosition) -> SearchPosition | None:
        query = self._queries["message"]
        found = await matching.find_messages(
            self._transaction,
            self._user_id,
            query,
            stage.tier,
            platform=self._platform,
            before=stage.before,
            limit=self._capacity + 1,
        )
        shown, before = found.ids[: self._capacity], found.before
        if len(found.ids) > self._capacity:
            before = shown[-1] if shown else stage.before
        self._capacity -= len(shown)
        for message, conversation in await matching.load_messages(self._transaction, self._user_id, shown):
            if (matched := await _snippet(query, message_search_text(message))) is not None:
                self.hits.append(SearchHit(type="message", conversation=conversation, message=message, snippet=matched))
        return None if before is None else msgspec.structs.replace(stage, before=before)


async def _snippet(query: Query, text: str) -> list[SnippetPart] | None:
    """Return the snippet where `text` matches; None if it does not.

    Long texts take milliseconds, so other tasks run between two of them.
    """
    await asyncio.sleep(0)
    found = tokenize(text)
    return snippet(query, text, found) if query.matches(found) else None
