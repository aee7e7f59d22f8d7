"""Where fixtures come from; each plugin provides one outside part for real."""

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.rabbitmq"]
