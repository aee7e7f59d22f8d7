"""Everything that differs between deployments of the enricher, and nothing else."""

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt

from shared.settings import Secrets, ServiceSettings


class Settings(ServiceSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`."""

    enricher_port: int = Field(default=8082, ge=0, le=65535)
    """Health and metrics; the enricher has no other surface."""
    store_internal_url: HttpUrl
    """The store's internal port: who owns a page, which customers are known, which look-ups are due."""
    service_tokens: Secrets
    """The first one is presented to the store."""
    encryption_keys: Secrets
    """Open the pages' access tokens; the newest first, older ones as long as something is encrypted with them."""
    app_secrets: Secrets
    """The first one signs calls to the Graph API."""
    graph_url: HttpUrl = HttpUrl("https://graph.facebook.com")
    instagram_graph_url: HttpUrl = HttpUrl("https://graph.instagram.com")
    """For tokens of Instagram Login."""
    graph_version: str = Field(default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$")
    profile_budget_seconds: PositiveFloat = 0.3
    """How long a message waits for its author's name; past it the message goes on and the name follows."""
    graph_timeout_seconds: PositiveFloat = 4.0
    """For a whole call, which goes on when a message no longer waits for it."""
    graph_concurrent_calls: PositiveInt = 20
    store_timeout_seconds: PositiveFloat = 3.0
    """For a whole call."""
