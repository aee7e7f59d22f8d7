"""Entity tags (RFC 9110, section 8.8.3) of what a list depends on, so that an unchanged list need not be read."""

import re
from functools import cache
from hashlib import blake2b

import msgspec

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(rendering: str, *depends_on: object) -> str:
    """Return the tag of a response that is the same as long as all arguments are.

    Args:
        rendering: from `rendering_version`: another version of this program may render the same rows differently.
        depends_on: everything else that the response depends on.
    """
    return f'"{_digest(rendering, *depends_on)}"'


@cache
def rendering_version(kind: type, statement: str, sample: bytes) -> str:
    """Return a hash of how objects are rendered: it changes when a field is added, removed or changed.

    Args:
        kind: their type; its schema counts, including all types in it.
        statement: the query that reads them.
        sample: rendered from made-up rows, so that fields derived from columns count as well.
    """
    return _digest(msgspec.json.schema(kind), statement, sample.decode())


def _digest(*parts: object) -> str:
    return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def matches(if_none_match: str | None, tag: str) -> bool:
    """Return whether the header `If-None-Match` names `tag`. Weak tags count as well (RFC 9110, section 13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
