"""Everything about the store that differs between deployments."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from shared.security.user_tokens import UserTokenSettings
from shared.settings import Secrets, ServiceSettings, Words
from store.errors import InvalidDatabaseUrl
from store.repository.database_url import connect_arguments


def _usable(database_url: SecretStr) -> SecretStr:
    try:
        connect_arguments(database_url.get_secret_value(), command_timeout_seconds=1)  # only the address matters here
    except InvalidDatabaseUrl as problem:
        raise ValueError(str(problem).rstrip(".")) from None
    return database_url


class Settings(UserTokenSettings, ServiceSettings):
    """Read once from `SWITCHBOARD_*`; passed to whoever needs a value."""

    store_port: int = Field(default=8083, ge=0, le=65535)
    """Public port: /api, and what operators ask; 0 picks a free one."""
    store_internal_port: int = Field(default=8093, ge=0, le=65535)
    """Port of /internal, for the other services alone; 0 picks a free one."""
    database_url: Annotated[SecretStr, AfterValidator(_usable)]
    """Postgres: postgresql://user:password@host/name, or ...@/name?host=/folder for a unix socket."""
    database_pool_size: int = Field(default=8, ge=1, le=200)
    """Most connections for REST and /internal; handlers and upkeep have 4 of their own."""
    database_timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    """For one statement, and for waiting for a connection."""
    admin_tokens: Secrets
    """Let their holders connect accounts and mint tokens; two while one is being rotated."""
    service_tokens: Secrets
    """Open /internal; two while one is being rotated."""
    encryption_keys: Secrets
    """32 bytes each, url-safe base64: access tokens are encrypted with the first and decrypted with any."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of browsers that may call /api; `*` for all."""
    waiting_days: float = Field(default=7.0, gt=0)
    """How long items of a page that nobody has connected are kept."""
    waiting_per_page: int = Field(default=10_000, ge=1)
    """How many of them; beyond that the oldest are dropped."""
    log_retention_days: float = Field(default=7.0, gt=0)
    """How long the event log reaches back; who was away longer reloads."""
    waiting_fact_days: float = Field(default=30.0, gt=0)
    """How long edits, unsends, reactions and receipts wait for the message that they are about."""
    ledger_retention_days: float = Field(default=14.0, gt=0)
    """How long the ledger knows what became of every item; at least as long as items wait for their page."""
    raw_retention_days: float = Field(default=30.0, ge=0)
    """How long items of no known type are kept; 0: for ever."""
    replayed_retention_days: float = Field(default=90.0, ge=0)
    """How long parked items are kept once they were replayed; 0: for ever."""
    parked_retention_days: float = Field(default=400.0, ge=0)
    """How long parked items are kept that nobody has replayed; 0: for ever."""
    mint_retention_days: float = Field(default=400.0, ge=0)
    """How long it is known which tokens were minted; 0: for ever."""
    record_retention_days: float = Field(default=400.0, ge=0)
    """How long comments, opt-ins and other records are kept; 0: for ever."""
    scan_interval_seconds: float = Field(default=1.0, gt=0)
    """Between two looks for changes that were committed and not published."""
    mark_interval_seconds: float = Field(default=0.5, gt=0)
    """Between two notes of what has been published."""
