"""Settings of ingest: everything that differs between deployments, and nothing else."""

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from shared.security.app_secrets import AppSecretList
from shared.settings import Secrets, ServiceSettings


class Settings(ServiceSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`."""

    ingest_port: int = Field(default=8081, ge=0, le=65535)
    app_secrets: AppSecretList
    """App secrets whose signatures are accepted, each for all platforms or for some. An app that uses Instagram Login
    has a second one."""
    verify_tokens: Secrets
    """Tokens that verification requests may present. Each subscribed object may have its own."""
    max_body_bytes: PositiveInt = 4 * 1024 * 1024
    """WhatsApp sends up to 3 MB, and a body may contain a thousand updates."""
    retry_after_seconds: PositiveInt = 5
    """The `Retry-After` of every 503."""
    publish_timeout_seconds: PositiveFloat = 4.0
    """How long publishing may take. Meta counts a webhook as failed after 5 s."""

    @model_validator(mode="after")
    def _a_body_has_room(self) -> Self:
        if self.max_bytes_in_flight < 2 * self.max_body_bytes:
            raise ValueError("SWITCHBOARD_MAX_BYTES_IN_FLIGHT must be at least twice SWITCHBOARD_MAX_BODY_BYTES")
        return self
