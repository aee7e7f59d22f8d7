"""Which attachment a request is for, and from where its media file may be downloaded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.contracts.internal import Media

_HTTPS_PORT = 443
_UNAMBIGUOUS_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+([/?#][!-\[\]-~]*)?")
"""Excludes everything that two URL parsers could read differently: user names, backslashes and spaces."""
_CONVERSATION_ID = re.compile(r"[0-9a-f]{16}")
_MESSAGE_ID = re.compile(r"0|[1-9][0-9]{0,17}")
"""Fits into 64 bits, whatever the digits."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class AttachmentPath:
    """Identifies an attachment of a user."""

    conversation_id: str
    message_id: int
    index: int


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts that an access token may be sent to for a media file.

    Args:
        domains: allowed with their subdomains, over https.
        graph_url: the Graph API's own origin, allowed as it is configured: a simulated one uses http.
    """

    domains: Sequence[str]
    graph_url: str

    def allow(self, url: str) -> bool:
        """Return whether `url` is on an allowed host. False for a URL that cannot be parsed."""
        if _UNAMBIGUOUS_URL.fullmatch(url) is None:
            return False
        try:
            parts, graph = urlsplit(url), urlsplit(self.graph_url)
            origin = (parts.scheme, parts.hostname, parts.port)
            graph_origin = (graph.scheme, graph.hostname, graph.port)
        except ValueError:
            return False
        host = parts.hostname or ""
        is_in_domain = any(host == domain or host.endswith(f".{domain}") for domain in self.domains)
        is_default_https = parts.scheme == "https" and parts.port in (None, _HTTPS_PORT)
        return origin == graph_origin or (is_in_domain and is_default_https)


def is_fetched_by_id(media: Media) -> bool:
    """Return whether the platform serves the file only by ID and token.

    WhatsApp does. If a WhatsApp attachment has a URL, that URL needs the token, too.
    """
    return media.platform == "whatsapp"


def parse_attachment_path(conversation_id: str, message_id: str, index: str) -> AttachmentPath | None:
    """Return the attachment that the parts of a URL path identify, or None if they are not valid."""
    if not (
        _CONVERSATION_ID.fullmatch(conversation_id) and _MESSAGE_ID.fullmatch(message_id) and _INDEX.fullmatch(index)
    ):
        return None
    return AttachmentPath(conversation_id, int(message_id), int(index))
