"""Where fixtures come from; each plugin provides an outside part for real."""

from hypothesis import settings

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.rabbitmq", "tests.fixtures.systems"]

# How long an example takes says something about the machine, and nothing about a promise.
settings.register_profile("switchboard", deadline=None)
settings.load_profile("switchboard")
