"""Encrypting stored access tokens with the newest key. Requires an admin token."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.security.admin_tokens import AdminScope
from store.core.audit import Actor
from store.core.cursors import CiphertextPosition, CursorSigner
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit
from store.routes.responses import KeysRotated, json_response
from store.services.key_rotation import KeyRotation

_BOUND_TO = ("", "keys")


def keys_router(rotation: KeyRotation, access: Access, signer: CursorSigner) -> APIRouter:
    """Return the route that encrypts access tokens again."""
    router = APIRouter(prefix="/api/keys", tags=["keys"])

    @router.post(
        "/rotate",
        responses=describes("KeysRotated", problems=[*ADMIN_PROBLEMS, "invalid-cursor"]),
        response_class=Response,
    )
    async def rotate_keys(
        actor: Annotated[Actor, Depends(access.admin(AdminScope.KEYS_ROTATE))],
        limit: Limit = 200,
        cursor: Cursor = None,
    ) -> Response:
        """Encrypt some access tokens with the first of the encryption keys, unless they are already.

        Repeat it with `next_cursor` until there is none, as `switchboard keys rotate` does.
        """
        after = None if cursor is None else signer.decode(cursor, CiphertextPosition, bound_to=_BOUND_TO)
        batch = await rotation.rotate(after, limit=limit, actor=actor)
        return json_response(
            KeysRotated(
                key_id=rotation.key_id,
                examined=batch.examined,
                rotated=batch.rotated,
                undecryptable=batch.undecryptable,
                next_cursor=None if batch.last is None else signer.encode(batch.last, bound_to=_BOUND_TO),
            ),
            headers={"Cache-Control": "no-store"},
        )

    return router
