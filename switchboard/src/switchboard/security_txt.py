"""/.well-known/security.txt (RFC 9116): whom to tell of a vulnerability of this installation."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.errors import StartupRefused
from shared.settings import ENV_PREFIX

CONTACT = f"{ENV_PREFIX}SECURITY_CONTACT"
_VALID = timedelta(days=364)
"""RFC 9116, section 2.5.5, recommends less than a year."""
_CONTACT = re.compile(r"(mailto:[^\s@]+@[^\s@]+|https://\S+|tel:[+0-9-]+)", re.ASCII)


def security_contact(environment: Mapping[str, str]) -> str | None:
    """Return the contact that the environment names; None if it names none.

    Raises:
        StartupRefused: it is not a URI that RFC 9116, section 2.5.3, allows.
    """
    contact = environment.get(CONTACT)
    if not contact:
        return None
    if not contact.isprintable() or not _CONTACT.fullmatch(contact):
        raise StartupRefused(
            f"{CONTACT} must be one URI like mailto:security@example.com or https://example.com/report."
        )
    return contact


def security_txt(contact: str, *, now: datetime) -> str:
    """Return the file. `now` is in UTC."""
    return f"Contact: {contact}\nExpires: {(now + _VALID).strftime('%Y-%m-%dT%H:%M:%SZ')}\n"
