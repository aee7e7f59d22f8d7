"""Searching an inbox."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from shared.contracts import Platform
from store.core.cursors import CursorSigner, HitType, SearchPosition
from store.repository.database import Database
from store.routes.access import Access
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.pagination import Cursor, PageRequest, SearchLimit
from store.routes.responses import json_response
from store.routes.search_pages import SearchPage

MAX_QUERY_LENGTH = 200


def search_router(database: Database, access: Access, signer: CursorSigner) -> APIRouter:
    """Return the route that searches."""
    router = APIRouter(prefix="/api", tags=["inbox"])

    @router.get(
        "/search",
        responses=describes(
            "SearchHit",
            is_list=True,
            headers=[*INBOX_HEADERS, "Search-Seq", "Link"],
            problems=[*USER_PROBLEMS, "invalid-cursor"],
        ),
        response_class=Response,
    )
    async def search_inbox(
        *,
        user_id: Annotated[str, Depends(access.reader)],
        q: Annotated[
            str,
            Query(
                min_length=1,
                max_length=MAX_QUERY_LENGTH,
                description='Words, or the beginnings of words, all of which must be there; `"a phrase"` as it is.',
                examples=['blue "next week"'],
            ),
        ],
        platform: Platform | None = None,
        only: Annotated[
            HitType | None, Query(alias="type", description="Only people, or only messages; without it both.")
        ] = None,
        limit: SearchLimit = 20,
        cursor: Cursor = None,
    ) -> Response:
        """Find messages and people, in any script; upper case, accents and punctuation do not matter.

        People come first (five at most, all of them with `type=person`), then messages: those with whole words before
        those with words that only begin so, each with the newest first. What was unsent is never found. `Search-Seq`
        names the change up to which the search knows the inbox; it is usually less than a second behind.

        A page may hold fewer entries than `limit`, or none, and still have a next one.
        """
        page = PageRequest(
            signer,
            SearchPosition,
            path="/api/search",
            parameters={"q": q, "platform": platform, "type": only},
            bound_to=(user_id, "search", q, platform or "", only or ""),
            limit=limit,
            cursor=cursor,
        )
        epoch = await database.epoch()
        async with database.transaction() as transaction:
            search = SearchPage(transaction, user_id, q, platform=platform, only=only, limit=limit)
            reach, following = await search.fill(page.after)
        headers = {
            "Inbox-Seq": str(reach.last_seq),
            "Inbox-Epoch": epoch,
            "Search-Seq": str(reach.indexed_seq),
            "Cache-Control": "no-store",
        }
        if following is not None:
            headers |= page.link_after(following)
        return json_response(search.hits, headers=headers)

    return router
