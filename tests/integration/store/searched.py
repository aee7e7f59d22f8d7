"""A service with a search index that tests update at will."""

from typing import Any

import httpx

from store.jobs.search_indexer import SearchIndexer
from tests.integration.store.parts import Parts, Service, at, message


class Searched:
    """A service with a second indexer that the test runs, so that no test waits."""

    def __init__(self, service: Service, parts: Parts, indexer: SearchIndexer) -> None:
        self.service, self.parts, self.indexer = service, parts, indexer

    async def store(self, *events: Any) -> None:
        await self.parts.inbox(list(events))
        await self.indexer.catch_up()

    async def write(self, **contents: str) -> None:
        await self.store(
            *(message(mid, content=content, created_at=at(n)) for n, (mid, content) in enumerate(contents.items()))
        )

    async def answer(self, q: str, **parameters: Any) -> httpx.Response:
        found = await self.service.get("/api/search", q=q, **parameters)
        assert found.status_code == 200, found.text
        return found

    async def ids(self, q: str, **parameters: Any) -> list[str]:
        found = await self.answer(q, type="message", **parameters)
        return [hit["message"]["message_id"] for hit in found.json()]

    async def ids_of_all_pages(self, q: str) -> list[str]:
        """Read every page: on a busy machine a page of a long search may be empty."""
        found = await self.answer(q, type="message")
        hits = found.json()
        while "next" in found.links:
            found = await self.service.public.get(found.links["next"]["url"], headers=self.service.as_user())
            assert found.status_code == 200, found.text
            hits += found.json()
        return [hit["message"]["message_id"] for hit in hits]

    async def people(self, q: str, **parameters: Any) -> list[str]:
        return [
            hit["conversation"]["participant_id"] for hit in (await self.answer(q, type="person", **parameters)).json()
        ]
