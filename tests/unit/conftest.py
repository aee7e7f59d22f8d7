"""Unit tests may run in virtual time."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.fixtures.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the event loop of a test by its mark."""
    if item.get_closest_marker("virtual_time") is not None:
        return {"virtual time": VirtualTimeLoop}
    return {"real time": asyncio.new_event_loop}
