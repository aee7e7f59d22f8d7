"""Generated media of WhatsApp customers, by media ID: small, and the same for the same ID.

Pure, except for the video, which is a file beside this module. The ID encodes the kind of media, so the simulated Graph
API needs no list of known IDs.
"""

import struct
import wave
import zlib
from functools import lru_cache
from io import BytesIO
from math import hypot, pi, sin
from pathlib import Path
from random import Random
from typing import Literal, get_args

from shared.contracts import derive_id

MediaKind = Literal["image", "video", "audio", "document", "sticker"]
MIME_TYPES: dict[MediaKind, str] = {
    "image": "image/png",
    "video": "video/mp4",
    "audio": "audio/wav",
    "document": "application/pdf",
    "sticker": "image/png",
}
_PREFIX = "70"
_DIGITS = 15
_SAMPLES_PER_SECOND = 8000


def media_id(rng: Random, kind: MediaKind) -> str:
    """Return a new media ID of this kind."""
    number = rng.randrange(10 ** (_DIGITS - len(_PREFIX) - 1))
    return f"{_PREFIX}{get_args(MediaKind).index(kind)}{number:0{_DIGITS - len(_PREFIX) - 1}}"


def kind_of(identifier: str) -> MediaKind | None:
    """Return the kind that the ID encodes; None if it is not a media ID."""
    kinds = get_args(MediaKind)
    is_media_id = len(identifier) == _DIGITS and identifier.isdecimal() and identifier.startswith(_PREFIX)
    place = int(identifier[len(_PREFIX)]) if is_media_id else len(kinds)
    kind: MediaKind | None = kinds[place] if place < len(kinds) else None
    return kind


@lru_cache(maxsize=64)
def content(identifier: str, kind: MediaKind) -> bytes:
    """Return the file's content."""
    seed = int(derive_id("medium", identifier)[:8], 16)
    match kind:
        case "image":
            return _landscape(seed)
        case "sticker":
            return _face(seed)
        case "audio":
            return _melody(seed)
        case "document":
            return _page(f"Order {identifier[-6:]}")
        case "video":
            return Path(__file__).with_name("clip.mp4").read_bytes()


def _landscape(seed: int, width: int = 320, height: int = 240) -> bytes:
    """Return a PNG of hills and a sun."""
    sky, ground = _colour(seed % 360), _colour(seed // 360 % 360)
    sun_x, sun_y, sun_radius = 40 + seed % (width - 80), 40 + seed % 50, 22
    hills = [int(height * 0.62 + 22 * sin(x / 41 + seed % 7) + 9 * sin(x / 13 + seed % 5)) for x in range(width)]
    shades = 64
    palette = [
        *(_mixed(sky, (255, 255, 255), step / (shades * 1.3)) for step in range(shades)),
        (255, 236, 150),
        ground,
    ]
    rows = []
    for y in range(height):
        row = bytearray([y * shades // height]) * width
        for x in range(width):
            if y > hills[x]:
                row[x] = shades + 1
            elif hypot(x - sun_x, y - sun_y) < sun_radius:
                row[x] = shades
        rows.append(bytes(row))
    return _png(rows, palette)


def _face(seed: int, size: int = 128) -> bytes:
    """Return a PNG of a smiling face on a transparent background."""
    middle = size / 2
    rows = []
    for y in range(size):
        row = bytearray(size)
        for x in range(size):
            away = hypot(x - middle, y - middle)
            is_eye = min(hypot(x - middle + 20, y - middle + 16), hypot(x - middle - 20, y - middle + 16)) < size / 18
            is_mouth = size * 0.24 < hypot(x - middle, y - middle + 4) < size * 0.3 and y > middle + 12
            row[x] = 0 if away > size * 0.46 else 2 if is_eye or is_mouth else 1
        rows.append(bytes(row))
    return _png(
        rows, [(0, 0, 0), _mixed(_colour(seed % 360), (255, 255, 255), 0.35), (40, 40, 50)], is_transparent=True
    )


def _png(rows: list[bytes], palette: list[tuple[int, int, int]], *, is_transparent: bool = False) -> bytes:
    """Return a PNG (ISO/IEC 15948) from rows of palette indexes; index 0 is transparent if `is_transparent`."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    colours = bytes(value for colour in palette for value in colour)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    transparency = chunk(b"tRNS", b"\0") if is_transparent else b""
    parts = (chunk(b"IHDR", header), chunk(b"PLTE", colours), transparency, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _melody(seed: int) -> bytes:
    """Return a WAV of 1.5 seconds."""
    notes = [262 * 2 ** ((seed >> shift) % 12 / 12) for shift in (0, 4, 8)]
    length = _SAMPLES_PER_SECOND // 2
    samples = bytes(
        128 + int(60 * sin(2 * pi * note * i / _SAMPLES_PER_SECOND) * (1 - i / length))
        for note in notes
        for i in range(length)
    )
    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(_SAMPLES_PER_SECOND)
        file.writeframes(samples)
    return buffer.getvalue()


def _page(text: str) -> bytes:
    """Return a PDF of one small page with one line of ASCII text."""
    drawn = f"BT /F1 18 Tf 24 84 Td ({text}) Tj ET".encode()
    font = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 160] /Contents 4 0 R /Resources %s >>" % font,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
    ]
    pdf, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return pdf + end % (len(objects) + 1, table, len(objects) + 1, len(pdf))


def _colour(hue: int) -> tuple[int, int, int]:
    """Return a colour of medium brightness."""
    red, green, blue = (int(120 + 90 * sin((hue + turn) * pi / 180)) for turn in (90, -30, 210))
    return red, green, blue


def _mixed(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
