"""Where fixtures come from; each plugin provides an outside part for real."""

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.rabbitmq", "tests.fixtures.systems"]
