"""Settings that all services share, and how invalid ones are reported."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AmqpDsn, BeforeValidator, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX = "SWITCHBOARD_"
SettingsT = TypeVar("SettingsT", bound=BaseSettings)


MIN_SECRET_BYTES = 16
"""Of every secret: 128 bits, if it is random. A kind of secret may require more."""


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_secrets(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def check_secret(secret: SecretStr, *, min_bytes: int = MIN_SECRET_BYTES) -> SecretStr:
    """Return `secret`.

    Raises:
        ValueError: it is empty, blank or short. An empty secret would be one that everybody knows.
    """
    size = len(secret.get_secret_value().strip().encode())
    if size == 0:
        raise ValueError("is empty. Set a secret, such as the output of `openssl rand -hex 32`, or remove the variable")
    if size < min_bytes:
        raise ValueError(f"has only {size} bytes; a secret has at least {min_bytes} (`openssl rand -hex 32` makes one)")
    return secret


Secret = Annotated[SecretStr, AfterValidator(check_secret)]
"""A secret that is neither empty nor short."""
Secrets = Annotated[list[Secret], NoDecode, BeforeValidator(_split_secrets), Field(min_length=1)]
"""Comma-separated in the environment. At least one: an empty variable or entry is an error, never "no check"."""
Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]
"""Comma-separated in the environment; may be empty."""

Networks = Annotated[list[IPvAnyNetwork], NoDecode, BeforeValidator(_split)]
"""Comma-separated addresses or networks (`10.0.0.0/8`) in the environment; may be empty."""


class ServiceSettings(BaseSettings):
    """Read once from `SWITCHBOARD_*`, in `__main__`, and passed to whatever needs a value.

    Every default suits production. A setting without such a value has no default, so that a missing variable stops the
    process before it takes any work. An empty variable counts as missing, since docker compose and charts pass
    a variable that nobody has set as an empty one.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        use_attribute_docstrings=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    amqp_url: AmqpDsn | None = None
    """The URL of RabbitMQ. Required, unless all services run in one process."""
    bind_host: str = "127.0.0.1"
    """The address that every port of the service listens on; 0.0.0.0 in a container."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    shutdown_grace_seconds: float = Field(default=8.0, gt=0, le=60)
    """How long running work may take to end after SIGTERM."""
    body_seconds: float = Field(default=60.0, ge=1)
    """How long the body of a request may take to arrive."""
    body_bytes_per_second: float = Field(default=1024.0, gt=0)
    """The rate at which a body must arrive after its first ten seconds."""
    max_bytes_in_flight: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    """Of all requests that the process has not answered. Beyond it, the one that arrives most slowly gets 503."""


class InvalidSettings(Exception):
    """The environment does not contain valid settings; `str()` is one sentence per problem."""


def load(settings_class: type[SettingsT], **overrides: Any) -> SettingsT:
    """Return the settings from the environment.

    Args:
        settings_class: which settings.
        overrides: values that take precedence over the environment.

    Raises:
        InvalidSettings: a variable is missing or invalid. The text names the variable and never its value.
    """
    try:
        return settings_class(**overrides)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        raise InvalidSettings("\n".join(_sentence(problem) for problem in problems)) from None


def _sentence(problem: ErrorDetails) -> str:
    variable = f"{ENV_PREFIX}{str(problem['loc'][0]).upper()}: " if problem["loc"] else ""
    if problem["type"] == "missing":
        return f"{variable}is not set, and there is no default that suits production."
    return f"{variable}{problem['msg'].removeprefix('Value error, ')}."
