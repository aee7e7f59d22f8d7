"""Ids of the tests that Schemathesis makes."""

from collections import Counter
from collections.abc import Sequence

import pytest
from schemathesis.pytest.plugin import SchemathesisFunction


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Name the operation in the id of its test: all have the same one, and of those a worker would run the last."""
    for item in items:
        if isinstance(item, SchemathesisFunction) and item.operation_label is not None:
            item._id = item.id.with_params(item.operation_label)
    twice = [nodeid for nodeid, number in Counter(item.nodeid for item in items).items() if number > 1]
    if twice:
        raise pytest.UsageError(f"These ids are of several tests, of which one would be run: {', '.join(twice)}")
