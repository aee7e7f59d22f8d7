"""Everything about the store that differs between deployments."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from shared.security.admin_tokens import AdminTokens
from shared.security.cipher import EncryptionKeys
from shared.security.user_tokens import UserTokenSettings
from shared.settings import ServiceSettings, Words
from shared.store_client.callers import ServiceTokens
from store.errors import InvalidDatabaseUrl
from store.repository.postgres.url import connect_arguments


def _usable(database_url: SecretStr) -> SecretStr:
    try:
        connect_arguments(database_url.get_secret_value(), command_timeout_seconds=1)  # only the address matters here
    except InvalidDatabaseUrl as problem:
        raise ValueError(str(problem).rstrip(".")) from None
    return database_url


class Settings(UserTokenSettings, ServiceSettings):
    """Read once from `SWITCHBOARD_*`, and passed on as values."""

    store_port: int = Field(default=8083, ge=0, le=65535)
    """Public port: /api, health checks and metrics; 0 picks a free port."""
    store_internal_port: int = Field(default=8093, ge=0, le=65535)
    """Port of /internal, for the other services only; 0 picks a free port."""
    database_url: Annotated[SecretStr, AfterValidator(_usable)]
    """Postgres: postgresql://user:password@host/name, or ...@/name?host=/folder for a unix socket."""
    database_pool_size: int = Field(default=8, ge=1, le=200)
    """Maximum number of connections for users' lists and pages; everything else has its own (docs/operations.md)."""
    lists_per_user: int = Field(default=1, ge=1, le=200)
    """How many of a user's lists and pages are read at the same time, at most; further requests wait their turn."""
    concurrent_searches: int = Field(default=2, ge=1, le=200)
    """How many searches run at the same time, of all users."""
    searches_per_user: int = Field(default=1, ge=1, le=200)
    """How many of a user's searches run at the same time, at most."""
    waiting_requests_per_user: int = Field(default=64, ge=0)
    """How many requests of a user wait their turn, for each of lists and searches; further ones get 429."""
    waiting_requests: int = Field(default=1000, ge=0)
    """How many requests of all users wait their turn, for each of lists and searches; further ones get 503."""
    turn_timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    """How long a request waits its turn, at most; then it gets 429 or 503, depending on who keeps the store busy."""
    database_timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    """Timeout of a statement, and of waiting for a connection, in the pipeline, /internal, lists and pages."""
    search_timeout_seconds: float = Field(default=3.0, gt=0, le=300)
    """Timeout of a statement of a search. A search runs several, each of which takes milliseconds."""
    operator_timeout_seconds: float = Field(default=15.0, gt=0, le=300)
    """Timeout of a statement of a request with an admin token, such as the ledger."""
    admin_tokens: AdminTokens
    """Bearer tokens of administrators: plain ones may do everything, `name:scope+scope:token` what the scopes say."""
    service_tokens: ServiceTokens
    """Bearer tokens for /internal: `caller:token` opens what that service needs, a plain token opens everything."""
    encryption_keys: EncryptionKeys
    """32 bytes each, in URL-safe base64. Access tokens are encrypted with the first and decrypted with any."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of browsers that may call /api; `*` for all."""
    waiting_days: float = Field(default=7.0, gt=0)
    """How long items of unclaimed webhooks are kept."""
    waiting_per_page: int = Field(default=10_000, ge=1)
    """How many items of unclaimed webhooks are kept per page; beyond that, the oldest are dropped."""
    log_retention_days: float = Field(default=7.0, gt=0)
    """How long event log rows are kept; clients that were offline for longer reload."""
    waiting_fact_days: float = Field(default=30.0, gt=0)
    """How long pending annotations wait for their message."""
    ledger_retention_days: float = Field(default=14.0, gt=0)
    """How long the ledger is kept; at least as long as items of unclaimed webhooks."""
    raw_retention_days: float = Field(default=30.0, ge=0)
    """How long items of unknown types are kept; 0: forever."""
    replayed_retention_days: float = Field(default=90.0, ge=0)
    """How long parked items are kept that were replayed; 0: forever."""
    parked_retention_days: float = Field(default=400.0, ge=0)
    """How long parked items are kept that were not replayed; 0: forever."""
    mint_retention_days: float = Field(default=400.0, ge=0)
    """How long the audit log of minted tokens is kept; 0: forever."""
    audit_retention_days: float = Field(default=400.0, ge=2)
    """How long the audit log is kept; what is left still verifies."""
    revocation_retention_days: float = Field(default=31.0, ge=31)
    """How long revocations of users' tokens are kept: at least as long as any token is valid. Ours are for 30 days."""
    erasure_memory_days: float = Field(default=30.0, gt=0)
    """How long a keyed digest of an erased person is kept, by which late deliveries are recognized and dropped."""
    record_retention_days: float = Field(default=400.0, ge=0)
    """How long comments, opt-ins and other records are kept; 0: forever."""
    scan_interval_seconds: float = Field(default=1.0, gt=0)
    """Interval between scans for changes that were committed and not published."""
    mark_interval_seconds: float = Field(default=0.5, gt=0)
    """Interval between writes of publish watermarks."""
