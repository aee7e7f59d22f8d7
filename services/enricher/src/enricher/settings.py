"""The settings of the enricher: everything that differs between deployments."""

from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, PositiveFloat, PositiveInt

from shared.security.app_secrets import AppSecretList
from shared.security.cipher import EncryptionKeys
from shared.security.user_tokens import UserTokenSettings
from shared.settings import Secret, ServiceSettings, Words
from shared.store_client.callers import Caller, ServiceTokens, tokens_of


class Settings(UserTokenSettings, ServiceSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`."""

    enricher_port: int = Field(default=8082, ge=0, le=65535)
    """Media for browsers (`/api/media`), health and metrics."""
    store_internal_url: HttpUrl
    """The store's internal port: owners of pages, stored profiles, deferred lookups, attachments."""
    service_tokens: Annotated[ServiceTokens, AfterValidator(tokens_of(Caller.ENRICHER))]
    """The first one authenticates to the store."""
    encryption_keys: EncryptionKeys
    """Decrypt the pages' access tokens. The newest first, older ones as long as something is encrypted with them."""
    app_secrets: AppSecretList
    """As ingest has them. Items of pages that the secret of their webhook does not speak for are parked. The first one
    that speaks for a page signs its calls to the Graph API."""
    app_ids: Words = Field(default_factory=list)
    """IDs of the apps that send for us. Echoes of their messages count as our own."""
    instagram_app_secret: Secret | None = None
    """Signs calls with tokens of Instagram Login, whose app has a secret of its own. Defaults to the
    secret in `app_secrets`, which also takes precedence if it names the page."""
    graph_url: HttpUrl = HttpUrl("https://graph.facebook.com")
    instagram_graph_url: HttpUrl = HttpUrl("https://graph.instagram.com")
    """For tokens of Instagram Login."""
    graph_version: str = Field(default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$")
    profile_budget_seconds: PositiveFloat = 0.3
    """How long a message waits for its author's profile. After that it goes on, and the profile follows."""
    graph_timeout_seconds: PositiveFloat = 4.0
    """For a whole call. It continues when messages no longer wait for it."""
    graph_concurrent_calls: PositiveInt = 20
    graph_calls_per_page_per_second: PositiveFloat = 20.0
    """Per process: divide by the number of replicas. Close to the platform's limit fewer calls are made."""
    graph_calls_per_page_per_hour: PositiveFloat = 5000.0
    """Per process, in any hour. Half of them may be made at once."""
    graph_calls_per_second: PositiveFloat = 100.0
    """Per process, for all pages together."""
    graph_limit_hold_seconds: PositiveFloat = 60.0
    """How long calls stop at a limit of the platform if it does not say for how long. Doubles while it is too short."""
    graph_breaker_seconds: PositiveFloat = 10.0
    """How long a failing Graph API is not called. Then one trial call is made."""
    store_timeout_seconds: PositiveFloat = 3.0
    """For a whole call."""
    allowed_origins: Words = Field(default_factory=list)
    """Origins of browsers that may call /api. `*` allows all."""
    media_hosts: Words = Field(default=["fbsbx.com", "fbcdn.net", "whatsapp.net", "facebook.com"], min_length=1)
    """Domains, with their subdomains, that an access token may be sent to for a media file. `graph_url` is always
    allowed."""
    media_max_bytes: PositiveInt = 100 * 1024 * 1024
    """Per file. WhatsApp accepts documents of 100 MB, and less of everything else."""
    media_concurrent_downloads: PositiveInt = 16
    """Per process, at most half of them for one user.

    Keep it below `graph_concurrent_calls`, so that profile lookups continue meanwhile.
    """
    media_turn_seconds: PositiveFloat = 5.0
    """How long a request waits for a free download. Then, or at once if too many wait, the response is 503."""
    media_idle_seconds: PositiveFloat = 10.0
    """How long the platform may send nothing, or the browser read nothing."""
    media_timeout_seconds: PositiveFloat = 120.0
    """For a whole file."""
    media_cache_seconds: PositiveInt = 3600
    """How long a browser may cache a file. It may be displayed for so long after its message was unsent."""
