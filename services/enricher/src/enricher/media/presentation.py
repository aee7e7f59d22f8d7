"""How a browser may treat a media file: its content type and its file name."""

import re
from unicodedata import category
from urllib.parse import quote

SAFE_TYPES = frozenset(
    {
        "image/jpeg", "image/png", "image/webp", "image/gif",
        "audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/opus", "audio/wav", "audio/x-wav",
        "video/mp4", "video/3gpp", "video/webm", "video/quicktime",
        "application/pdf",
    }
)  # fmt: skip
"""Types that a browser displays without running anything. SVG is missing: it is a document that runs scripts."""
OPAQUE_TYPE = "application/octet-stream"
_DOWNLOADED_TYPES = frozenset({"application/pdf", OPAQUE_TYPE})
"""Saved as a file and not opened in the place of the page."""
_MAX_NAME_CHARACTERS = 120
_MAX_EXTENSION_CHARACTERS = 9
_EXTENSIONS = {"image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/x-wav": "wav", "video/quicktime": "mov"}
"""Where the extension differs from the subtype."""
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')


def safe_content_type(*stated: str | None) -> str:
    """Return the first stated content type if it is safe to display, else an opaque one."""
    first = next((one for one in stated if one), "")
    bare = first.partition(";")[0].strip().lower()
    return bare if bare in SAFE_TYPES else OPAQUE_TYPE


def content_disposition(content_type: str, kind: str, title: str | None) -> str:
    """Return the Content-Disposition header (RFC 6266). Pictures, audio and video are displayed, the rest is saved.

    Args:
        content_type: from `safe_content_type`.
        kind: the attachment's type. It names a file that has no name.
        title: the sender's name for the file.
    """
    name = file_name(content_type, kind, title)
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    how = "attachment" if content_type in _DOWNLOADED_TYPES else "inline"
    return f"{how}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def file_name(content_type: str, kind: str, title: str | None) -> str:
    """Return a file name: the sender's, without characters that are not allowed in names or that disguise them.

    Control characters are removed, and so are those that change the direction of writing: `cod.exe` must not look like
    `exe.doc`.
    """
    visible = "".join(one for one in title or "" if category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    name = _NOT_IN_NAMES.sub("_", visible).strip(" .")
    if len(name) > _MAX_NAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        kept = f"{dot}{extension}" if dot and len(extension) <= _MAX_EXTENSION_CHARACTERS else ""
        name = (stem if kept else name)[: _MAX_NAME_CHARACTERS - len(kept)] + kept
    if name:
        return name
    known = "" if content_type == OPAQUE_TYPE else f".{_EXTENSIONS.get(content_type, content_type.partition('/')[2])}"
    return f"{re.sub(r'[^a-z0-9]', '', kind.lower()) or 'file'}{known}"
