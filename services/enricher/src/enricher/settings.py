"""Everything that differs between deployments of the enricher, and nothing else."""

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt, SecretStr

from shared.security.user_tokens import UserTokenSettings
from shared.settings import Secrets, ServiceSettings, Words


class Settings(UserTokenSettings, ServiceSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`."""

    enricher_port: int = Field(default=8082, ge=0, le=65535)
    """Media for browsers (`/api/media`), health and metrics."""
    store_internal_url: HttpUrl
    """The store's internal port: who owns a page, which customers are known, which look-ups are due."""
    service_tokens: Secrets
    """The first one is presented to the store."""
    encryption_keys: Secrets
    """Open the pages' access tokens; the newest first, older ones as long as something is encrypted with them."""
    app_secrets: Secrets
    """The first one signs calls to the Graph API."""
    app_ids: Words = Field(default_factory=list)
    """Of the apps that send for us: what they send comes back as our own."""
    instagram_app_secret: SecretStr | None = None
    """Signs calls with tokens of Instagram Login, whose app has a secret of its own; else the first one does."""
    graph_url: HttpUrl = HttpUrl("https://graph.facebook.com")
    instagram_graph_url: HttpUrl = HttpUrl("https://graph.instagram.com")
    """For tokens of Instagram Login."""
    graph_version: str = Field(default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$")
    profile_budget_seconds: PositiveFloat = 0.3
    """How long a message waits for its author's name; past it the message goes on and the name follows."""
    graph_timeout_seconds: PositiveFloat = 4.0
    """For a whole call, which goes on when a message no longer waits for it."""
    graph_concurrent_calls: PositiveInt = 20
    graph_calls_per_page_per_second: PositiveFloat = 20.0
    """Of this process: divide by the number of replicas. More are never made; fewer near the platform's limit."""
    graph_calls_per_page_per_hour: PositiveFloat = 5000.0
    """The same over any hour; half of it may be used at once."""
    graph_calls_per_second: PositiveFloat = 100.0
    """Of all pages together, in this process."""
    graph_limit_hold_seconds: PositiveFloat = 60.0
    """How long calls stop at a limit of the platform when it does not say; twice that when it was too short."""
    graph_breaker_seconds: PositiveFloat = 10.0
    """How long nothing is asked of a Graph API that fails; then one call tries."""
    store_timeout_seconds: PositiveFloat = 3.0
    """For a whole call."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of browsers that may call /api; `*` for all."""
    media_hosts: Words = Field(default=["fbsbx.com", "fbcdn.net", "whatsapp.net", "facebook.com"], min_length=1)
    """Domains that an access token may be sent to for a medium, with all below them; beside `graph_url` itself."""
    media_max_bytes: PositiveInt = 100 * 1024 * 1024
    """Of one medium. WhatsApp takes documents of 100 MB, and less of everything else."""
    media_concurrent_downloads: PositiveInt = 16
    """At once, in this process, half of them for one user.

    Fewer than `graph_concurrent_calls`, so that names are still looked up meanwhile.
    """
    media_turn_seconds: PositiveFloat = 5.0
    """How long a further one waits for its turn; then it is answered 503, and at once where too many wait already."""
    media_idle_seconds: PositiveFloat = 10.0
    """How long nothing may come from the platform, or be taken by the browser."""
    media_timeout_seconds: PositiveFloat = 120.0
    """For one medium in all."""
    media_cache_seconds: PositiveInt = 3600
    """How long a browser keeps one; so long it may also outlive its message there, when that is unsent."""
