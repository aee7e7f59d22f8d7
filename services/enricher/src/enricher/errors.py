"""The error of a bug between the enricher and the store."""

from shared.errors import DependencyUnavailable


class StoreRefuses(DependencyUnavailable):
    """The store takes the question itself for wrong: a bug, here or there.

    To a webhook that is as if the store were away: nothing is lost while it waits for a version without the bug.
    """
