"""Entity tags (RFC 9110, 8.8.3): by what a list was made of, so that an unchanged one need not be read again."""

import re
from functools import cache
from hashlib import blake2b

import msgspec

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(rendering: str, *made_of: object) -> str:
    """Return the tag of an answer that is the same as long as all of these are.

    Args:
        rendering: of the objects in it, from `rendering_of`: another version of this program may show them otherwise.
        made_of: everything else that it depends on.
    """
    return f'"{_digest(rendering, *made_of)}"'


@cache
def rendering_of(kind: type, statement: str, sample: bytes) -> str:
    """Return what stands for the way in which objects are shown; another value when a field comes, goes or changes.

    Args:
        kind: of the objects: its schema counts, and that of all that is in it.
        statement: which reads them.
        sample: one of them as it is sent, made of made-up rows, so that what is derived from columns counts as well.
    """
    return _digest(msgspec.json.schema(kind), statement, sample.decode())


def _digest(*made_of: object) -> str:
    return blake2b(msgspec.json.encode(made_of), digest_size=16).hexdigest()


def names(if_none_match: str | None, tag: str) -> bool:
    """Return whether the header `If-None-Match` names `tag`; weak tags count as strong ones, as it is defined there."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
