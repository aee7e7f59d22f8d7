"""Encrypting stored access tokens with the newest key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from shared.security.cipher import TokenCipher, Undecryptable
from store.core.audit import Action, Actor, AuditEntry
from store.core.cursors import CiphertextPosition
from store.repository import audit, token_ciphertexts
from store.repository.postgres.database import Database
from store.repository.token_ciphertexts import Found

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RotatedBatch:
    """What became of some tokens."""

    examined: int
    rotated: int
    """How many were encrypted with an older key and are now encrypted with the newest."""
    undecryptable: list[str]
    """The pages, as `platform/page_id`, whose token no key decrypts."""
    last: CiphertextPosition | None
    """Where the next batch continues; None: this was the last one."""


class KeyRotation:
    """Encrypts tokens again, batch by batch, while services run.

    A token stays the same: its account gets no new version, and nobody is notified.

    Args:
        cipher: encrypts with the newest key and decrypts with any.
        utc_now: the wall clock.
    """

    def __init__(self, database: Database, cipher: TokenCipher, *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = cipher
        self._utc_now = utc_now

    @property
    def key_id(self) -> str:
        """Identifies the newest key."""
        return self._cipher.key_id

    async def rotate(self, after: CiphertextPosition | None, *, limit: int, actor: Actor) -> RotatedBatch:
        """Encrypt the tokens after `after` with the newest key, unless they are already.

        It may be repeated and interrupted at any time, and several may run at once.

        Raises:
            DependencyUnavailable: Postgres is unavailable; nothing of this batch is changed.
        """
        found = await token_ciphertexts.following(self._database, after, limit=limit)
        replaced: list[tuple[Found, str]] = []
        undecryptable: list[str] = []
        for position, ciphertext in found:
            if self._cipher.is_current(ciphertext):
                continue
            try:
                replaced.append(((position, ciphertext), self._cipher.rotate(ciphertext)))
            except Undecryptable:
                undecryptable.append(f"{position.platform}/{position.page_id}")
        rotated = await self._replace(replaced, actor) if replaced else 0
        last = found[-1][0] if len(found) == limit else None
        return RotatedBatch(examined=len(found), rotated=rotated, undecryptable=undecryptable, last=last)

    async def _replace(self, replaced: list[tuple[Found, str]], actor: Actor) -> int:
        async with self._database.transaction() as transaction:
            rotated = await token_ciphertexts.replace(transaction, replaced)
            entry = AuditEntry(
                actor=actor, action=Action.KEYS_ROTATED, target=self.key_id, user_id=None, details={"tokens": rotated}
            )
            await audit.append(transaction, [entry] if rotated else [], now=self._utc_now())
        log.info("access tokens encrypted with the newest key", tokens=rotated, key_id=self.key_id)
        return rotated
