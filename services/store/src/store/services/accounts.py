"""Connecting pages to users."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from pydantic import SecretStr

from shared.contracts import AccountChangedV1, Platform, derive_id
from shared.security.cipher import TokenCipher, Undecryptable
from store.core.accounts import OwnershipChange, OwnershipInterval, connect, current_owner, disconnect
from store.core.audit import Action, Actor, AuditEntry, Details
from store.repository import accounts, audit, profile_lookups, unclaimed
from store.repository.postgres.database import Database


class AccountService:
    """Changes who owns a page, notifies everybody concerned, and releases unclaimed items.

    Args:
        cipher: encrypts access tokens.
        utc_now: the wall clock.
        notify_changed: called with the users whose inbox has changed.
        wake_releaser: called when unclaimed items may have been released.
        enqueue_token_change: called with the event of a token that was given again unchanged.
    """

    def __init__(
        self,
        database: Database,
        cipher: TokenCipher,
        *,
        utc_now: Callable[[], datetime],
        notify_changed: Callable[[Sequence[str]], None],
        wake_releaser: Callable[[], None],
        enqueue_token_change: Callable[[AccountChangedV1], None],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._utc_now = utc_now
        self._notify_changed = notify_changed
        self._wake_releaser = wake_releaser
        self._enqueue_token_change = enqueue_token_change

    async def connect(
        self,
        platform: Platform,
        page_id: str,
        *,
        user_id: str,
        name: str | None,
        access_token: SecretStr | None,
        actor: Actor,
    ) -> tuple[OwnershipInterval, bool]:
        """Make the user the page's owner from now on; without a name or token, the page keeps its own.

        Repeating it changes nothing and notifies no user; only the token is encrypted again, with the first key. The
        account gets a new version all the same, and enrichers are told: an older refusal no longer applies to it, and
        they try the token again. The event log has no row for that, because users see its numbers. So the event is
        kept in memory; if this process ends first, enrichers notice when their cached entry of the page expires.

        Returns:
            The ownership interval, and whether it is new.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
            Unstorable: Postgres refuses the data.
        """
        ciphertext = None if access_token is None else self._cipher.encrypt(access_token.get_secret_value())
        page = (platform, page_id)
        async with self._database.transaction() as transaction:
            await accounts.lock_pages(transaction, [page])
            known = (await accounts.intervals(transaction, [page])).get(page, [])
            now = self._utc_now()
            change = connect(
                known,
                user_id=user_id,
                name=name,
                token_ciphertext=ciphertext,
                is_same_token=access_token is not None and self._has_token(current_owner(known), access_token),
                now=now,
            )
            await accounts.save(transaction, page, change, cause_id=uuid4().hex, now=now)
            owned = change.intervals[-1]
            await unclaimed.release(transaction, page, owned_from=owned.owned_from, version=owned.version)
            if change.changed and ciphertext is not None and platform != "whatsapp":
                await profile_lookups.resume_lookups(transaction, user_id, platform, page_id, now=now)
            details = {"name_given": name is not None, "access_token_given": access_token is not None}
            action = Action.ACCOUNT_CONNECTED if change.created else Action.ACCOUNT_CHANGED
            await audit.append(transaction, [_audit_entry(actor, action, page, user_id, details)], now=now)
        self._notify(change)
        if access_token is not None and not change.changed:
            self._enqueue_token_change(_token_event(platform, page_id, owned, now))
        self._wake_releaser()
        return owned, change.created

    async def disconnect(self, platform: Platform, page_id: str, *, actor: Actor) -> OwnershipChange | None:
        """End the page's ownership now; return None if nobody owns it.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        page = (platform, page_id)
        async with self._database.transaction() as transaction:
            await accounts.lock_pages(transaction, [page])
            known = (await accounts.intervals(transaction, [page])).get(page, [])
            now = self._utc_now()
            change = disconnect(known, now=now)
            if change is not None:
                await accounts.save(transaction, page, change, cause_id=uuid4().hex, now=now)
                entry = _audit_entry(actor, Action.ACCOUNT_DISCONNECTED, page, change.intervals[-1].user_id)
                await audit.append(transaction, [entry], now=now)
        if change is not None:
            self._notify(change)
        return change

    def _has_token(self, owner: OwnershipInterval | None, token: SecretStr) -> bool:
        if owner is None or owner.token_ciphertext is None:
            return False
        try:
            return self._cipher.decrypt(owner.token_ciphertext) == token
        except Undecryptable:
            return False

    def _notify(self, change: OwnershipChange) -> None:
        if change.changed:
            self._notify_changed(change.user_ids)


def _audit_entry(
    actor: Actor, action: Action, page: tuple[Platform, str], user_id: str, details: Details | None = None
) -> AuditEntry:
    return AuditEntry(actor=actor, action=action, target="/".join(page), user_id=user_id, details=details or {})


def _token_event(platform: Platform, page_id: str, owned: OwnershipInterval, now: datetime) -> AccountChangedV1:
    return AccountChangedV1(
        id=derive_id("account-token", platform, page_id, str(owned.version)),
        occurred_at=now,
        received_at=now,
        user_id=owned.user_id,
        platform=platform,
        page_id=page_id,
        version=owned.version,
    )
