"""Everything that differs between deployments of ingest, and nothing else."""

from pydantic import Field, PositiveFloat, PositiveInt

from shared.settings import Secrets, ServiceSettings


class Settings(ServiceSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`."""

    ingest_port: int = Field(default=8081, ge=0, le=65535)
    app_secrets: Secrets
    """App secrets whose signature is accepted: an app that uses Instagram Login has a second one."""
    verify_tokens: Secrets
    """What the platform's verification request must present; each subscribed object may have its own."""
    max_body_bytes: PositiveInt = 4 * 1024 * 1024
    """WhatsApp sends up to 3 MB, and an update may be one of a thousand in a body."""
    retry_after_seconds: PositiveInt = 5
    """Told to the platform with every 503."""
    publish_timeout_seconds: PositiveFloat = 4.0
    """From body read to confirm; Meta counts a webhook as failed after 5 s."""
