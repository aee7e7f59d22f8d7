"""Settings that all services share, and how invalid ones are reported."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AmqpDsn, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX = "SWITCHBOARD_"
SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split), Field(min_length=1)]
"""Comma-separated in the environment. At least one: a list without any is an error and never means "no check"."""
Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]
"""Comma-separated in the environment; may be empty."""


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
