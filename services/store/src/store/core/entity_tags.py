"""Entity tags (RFC 9110, 8.8.3): by what a list was made of, so that an unchanged one need not be read again."""

import re
from hashlib import blake2b

import msgspec

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(*made_of: object) -> str:
    """Return the tag of an answer that is the same as long as all of these are."""
    return f'"{blake2b(msgspec.json.encode(made_of), digest_size=16).hexdigest()}"'


def names(if_none_match: str | None, tag: str) -> bool:
    """Return whether the header `If-None-Match` names `tag`; weak tags count as strong ones, as it is defined there."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
