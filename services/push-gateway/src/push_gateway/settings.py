"""Everything that differs between deployments of the push gateway, and nothing else."""

from pydantic import Field, HttpUrl

from shared.security.user_tokens import UserTokenSettings
from shared.settings import Secrets, ServiceSettings, Words


class Settings(ServiceSettings, UserTokenSettings):
    """The push gateway's settings; see `ServiceSettings`."""

    gateway_port: int = Field(default=8084, ge=0, le=65535)
    """Where browsers open their WebSockets."""
    gateway_sse_port: int = Field(default=8085, ge=0, le=65535)
    """Where they open streams of server-sent events, if WebSockets are blocked on their way."""
    gateway_operations_port: int = Field(default=8094, ge=0, le=65535)
    """`/healthz`, `/readyz` and `/metrics`."""
    store_internal_url: HttpUrl
    """The store's internal API, where the log of every user is read."""
    service_tokens: Secrets
    """The first one is sent to the store."""
    store_timeout_seconds: float = Field(default=3.0, gt=0, le=60)
    """For one whole request to the store."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of pages that may open a socket or stream, beside those of this host; `*` allows every page."""

    heartbeat_seconds: float = Field(default=20.0, gt=0, le=300)
    """How often a socket hears how far it has come, and how often lost events are looked for."""
    gateway_max_sockets_per_user: int = Field(default=20, ge=1)
    """More are closed with 4009."""
    gateway_max_sockets: int = Field(default=20_000, ge=1)
    """Of this process; more are closed with 4009."""
    gateway_max_opening: int = Field(default=2_000, ge=1)
    """Connections that may be opening at once; more are answered 503, before anything is read."""
    gateway_opening_seconds: float = Field(default=10.0, gt=0)
    """How long a connection may take to ask for a socket."""
    gateway_frames_per_second: float = Field(default=20.0, gt=0)
    """What a client may send on average; more closes with 4400."""
    gateway_frames_burst: int = Field(default=100, ge=1)
    """What it may send at once."""
    gateway_bytes_per_second: float = Field(default=64 * 1024, gt=0)
    """The same in bytes, of whatever kind."""
    gateway_bytes_burst: int = Field(default=512 * 1024, ge=1024)
    gateway_presence_seconds: float = Field(default=20.0, gt=0)
    """How often other gateways are told again who is there; two and a half times that long they believe it."""
    gateway_presence_grace_seconds: float = Field(default=5.0, ge=0)
    """A device that comes back within this has not been away."""
    gateway_write_budget_bytes: int = Field(default=256 * 1024, ge=1024)
    """A socket with more than this unsent is not fed until it has drained."""
    gateway_lagging_seconds: float = Field(default=30.0, gt=0)
    """A socket that does not drain for this long is closed with 4008."""
    gateway_linger_seconds: float = Field(default=60.0, gt=0)
    """How long a user without sockets is listened for, so that a reconnect costs no query and no binding."""
    gateway_recent_bytes_per_user: int = Field(default=32 * 1024, ge=0)
    """Frames kept to serve reconnects and holes without a query."""
    gateway_recent_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """The same for all users of this process together."""
