"""Media that are fetched by id: from where they may be fetched, and as what they may be shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category
from urllib.parse import quote, urlsplit

from shared.contracts.internal import Media

SHOWN_TYPES = frozenset(
    {
        "image/jpeg", "image/png", "image/webp", "image/gif",
        "audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/opus", "audio/wav", "audio/x-wav",
        "video/mp4", "video/3gpp", "video/webm", "video/quicktime",
        "application/pdf",
    }
)  # fmt: skip
"""What a browser shows without running anything. SVG is a document that runs scripts, and not among them."""
OPAQUE_TYPE = "application/octet-stream"
_ASIDE_TYPES = frozenset({"application/pdf", OPAQUE_TYPE})
"""Saved, and not opened in the place of the page."""
_HTTPS_PORT = 443
_MAX_NAME_CHARACTERS = 120
_EXTENSIONS = {"image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/x-wav": "wav", "video/quicktime": "mov"}
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+([/?#][!-\[\]-~]*)?")
"""Nothing that two readers of addresses could understand in two ways: no user names, backslashes or blanks."""
_CONVERSATION_ID = re.compile(r"[0-9a-f]{16}")
_MESSAGE_ID = re.compile(r"0|[1-9][0-9]{0,17}")
"""What fits into 64 bits, whatever the digits."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Where an access token may be sent to fetch a medium.

    `suffixes` are domains: they and what is below them, over https. `graph_url` is the Graph API's own origin, which is
    allowed as it is configured: a simulated one speaks http.
    """

    suffixes: Sequence[str]
    graph_url: str

    def allow(self, url: str) -> bool:
        """Whether `url` is such a place. What cannot be read is none."""
        if _PLAIN_ADDRESS.fullmatch(url) is None:
            return False
        try:
            parts, graph = urlsplit(url), urlsplit(self.graph_url)
            place = (parts.scheme, parts.hostname, parts.port)
            own = (graph.scheme, graph.hostname, graph.port)
        except ValueError:
            return False
        host = parts.hostname or ""
        is_below = any(host == suffix or host.endswith(f".{suffix}") for suffix in self.suffixes)
        return place == own or (is_below and parts.scheme == "https" and parts.port in (None, _HTTPS_PORT))


def is_fetched_by_id(media: Media) -> bool:
    """Whether the platform hands it out by id and token alone.

    WhatsApp does. Where it names an address too, that address wants the token as well.
    """
    return media.platform == "whatsapp"


def place_of(conversation_id: str, message_id: str, index: str) -> tuple[str, int, int] | None:
    """Return which attachment the parts of a path name; None when there cannot be such a one."""
    if not (
        _CONVERSATION_ID.fullmatch(conversation_id) and _MESSAGE_ID.fullmatch(message_id) and _INDEX.fullmatch(index)
    ):
        return None
    return conversation_id, int(message_id), int(index)


def shown_type(*told: str | None) -> str:
    """Return the Content-Type for the first type that was told: itself if it is harmless, else an opaque one."""
    first = next((one for one in told if one), "")
    bare = first.partition(";")[0].strip().lower()
    return bare if bare in SHOWN_TYPES else OPAQUE_TYPE


def disposition(content_type: str, kind: str, title: str | None) -> str:
    """Return the Content-Disposition (RFC 6266) of a medium: pictures, sounds and films are shown, the rest is saved.

    Args:
        content_type: as `shown_type` returns it.
        kind: the attachment's type, which names what has no name.
        title: the name that the sender gave it.
    """
    name = file_name(content_type, kind, title)
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    how = "attachment" if content_type in _ASIDE_TYPES else "inline"
    return f"{how}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def file_name(content_type: str, kind: str, title: str | None) -> str:
    """Return a name for a file: the sender's without what is no part of a name, or what looks like another one.

    Control characters are taken out, and those that turn the direction of writing: `cod.exe` is not to look like
    `exe.doc`.
    """
    visible = "".join(one for one in title or "" if category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    name = _NOT_IN_NAMES.sub("_", visible).strip(" .")
    if len(name) > _MAX_NAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        kept = f"{dot}{extension}" if dot and len(extension) <= len("extension") else ""
        name = (stem if kept else name)[: _MAX_NAME_CHARACTERS - len(kept)] + kept
    if name:
        return name
    known = "" if content_type == OPAQUE_TYPE else f".{_EXTENSIONS.get(content_type, content_type.partition('/')[2])}"
    return f"{re.sub(r'[^a-z0-9]', '', kind.lower()) or 'file'}{known}"
