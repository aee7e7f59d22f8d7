"""Everything that differs between deployments of the push gateway, and nothing else."""

from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl

from shared.security.user_tokens import UserTokenSettings
from shared.settings import Networks, ServiceSettings, Words
from shared.store_client.callers import Caller, ServiceTokens, tokens_of


class Settings(ServiceSettings, UserTokenSettings):
    """The push gateway's settings; see `ServiceSettings`."""

    gateway_port: int = Field(default=8084, ge=0, le=65535)
    """Port of WebSockets."""
    gateway_sse_port: int = Field(default=8085, ge=0, le=65535)
    """Port of server-sent events, for clients behind a network that blocks WebSockets."""
    gateway_operations_port: int = Field(default=8094, ge=0, le=65535)
    """Port of `/healthz`, `/readyz` and `/metrics`."""
    store_internal_url: HttpUrl
    """The store's internal API, where every user's log is read."""
    service_tokens: Annotated[ServiceTokens, AfterValidator(tokens_of(Caller.PUSH_GATEWAY))]
    """The first one is sent to the store."""
    store_timeout_seconds: float = Field(default=3.0, gt=0, le=60)
    """Of a whole request to the store."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of pages that may open a socket or stream, besides those of the gateway's own host; `*` allows all."""

    trusted_proxies: Networks = Field(default_factory=list)
    """Addresses or networks of the reverse proxies that tell a client's address in `X-Forwarded-For`."""

    heartbeat_seconds: float = Field(default=20.0, gt=0, le=300)
    """How often a session gets a heartbeat, and how often the gateway looks for lost events."""
    gateway_max_sockets_per_user: int = Field(default=20, ge=1)
    """Further ones are closed with 4009."""
    gateway_max_sockets: int = Field(default=20_000, ge=1)
    """Of this process; further ones are closed with 4009."""
    gateway_max_opening: int = Field(default=2_000, ge=1)
    """Connections that may be in their handshake at once. For a further one, the address with the most gives one up; if
    that is its own, it gets 503 before anything is read from it."""
    gateway_opening_seconds: float = Field(default=10.0, gt=0)
    """How long a handshake may take."""
    gateway_frames_per_second: float = Field(default=20.0, gt=0)
    """How many frames a client may send on average; more closes the session with 4400."""
    gateway_frames_burst: int = Field(default=100, ge=1)
    """How many frames a client may send at once."""
    gateway_bytes_per_second: float = Field(default=64 * 1024, gt=0)
    """How many bytes a client may send on average, of any kind."""
    gateway_bytes_burst: int = Field(default=512 * 1024, ge=1024)
    """How many bytes a client may send at once."""
    gateway_presence_seconds: float = Field(default=20.0, gt=0)
    """How often other gateways are told which devices are online here. They believe it for two and a half times as
    long."""
    gateway_presence_grace_seconds: float = Field(default=5.0, ge=0)
    """A device that reconnects within this was never offline."""
    gateway_write_budget_bytes: int = Field(default=256 * 1024, ge=1024)
    """Size of a session's write buffer. A session whose buffer is full pauses until it has drained."""
    gateway_lagging_seconds: float = Field(default=30.0, gt=0)
    """A session whose write buffer does not drain for this long is closed with 4008."""
    gateway_linger_seconds: float = Field(default=60.0, gt=0)
    """How long a user without sessions stays subscribed, so that a reconnect costs neither a query nor a binding."""
    gateway_recent_bytes_per_user: int = Field(default=32 * 1024, ge=0)
    """Size of a user's replay buffer, which serves reconnects and gaps without a query."""
    gateway_recent_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Size of all replay buffers together."""
