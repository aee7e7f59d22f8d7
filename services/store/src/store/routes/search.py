"""Searches an inbox."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from shared.contracts import Platform
from store.core.cursors import CursorSigner, HitType, SearchPosition
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.pagination import Cursor, PageRequest, SearchLimit
from store.routes.responses import json_response
from store.routes.search_pages import SearchPage

MAX_QUERY_LENGTH = 200


def search_router(database: UserDatabase, access: Access, signer: CursorSigner) -> APIRouter:
    """Return the route that searches an inbox."""
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
                description='Words or starts of words, all of which must match; a `"quoted phrase"` matches exactly.',
                examples=['blue "next week"'],
            ),
        ],
        platform: Platform | None = None,
        only: Annotated[
            HitType | None, Query(alias="type", description="Only people or only messages; both by default.")
        ] = None,
        limit: SearchLimit = 20,
        cursor: Cursor = None,
    ) -> Response:
        """Find messages and people, in any script. Case, accents and punctuation are ignored.

        People come first (at most five; all with `type=person`), then messages. Matches of whole words come before
        matches of starts of words, each with the newest first. Unsent messages are never found. `Search-Seq` is the
        `seq` up to which the inbox is indexed, usually less than a second behind.

        A page may hold fewer entries than `limit`, or none, and still have a next page.
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
        async with database.transaction(user_id) as transaction:
            search = SearchPage(transaction, user_id, q, platform=platform, only=only, limit=limit)
            progress, following = await search.fill(page.after)
        headers = {
            "Inbox-Seq": str(progress.last_seq),
            "Inbox-Epoch": epoch,
            "Search-Seq": str(progress.indexed_seq),
            "Cache-Control": "no-store",
        }
        if following is not None:
            headers |= page.link_after(following)
        return json_response(search.hits, headers=headers)

    return router
