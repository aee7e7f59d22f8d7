"""How a browser may treat a media file."""

import pytest

from enricher.media.presentation import OPAQUE_TYPE, content_disposition, file_name, safe_content_type


@pytest.mark.parametrize(
    ("stated", "content_type"),
    [
        (("image/jpeg", None), "image/jpeg"),
        (("audio/ogg; codecs=opus", "audio/ogg"), "audio/ogg"),
        ((" Image/PNG ", None), "image/png"),
        ((None, "video/mp4"), "video/mp4"),
        (("", "application/pdf"), "application/pdf"),
        (("image/svg+xml", "image/png"), OPAQUE_TYPE),
        (("text/html", "image/png"), OPAQUE_TYPE),
        (("application/xhtml+xml", None), OPAQUE_TYPE),
        (("application/javascript", None), OPAQUE_TYPE),
        (("image/png\r\nX-Evil: 1", None), OPAQUE_TYPE),
        ((None, None), OPAQUE_TYPE),
    ],
)
def test_only_safe_types_keep_their_content_type(stated: tuple[str | None, ...], content_type: str) -> None:
    assert safe_content_type(*stated) == content_type


@pytest.mark.parametrize(
    ("content_type", "how"),
    [
        ("image/png", "inline"),
        ("audio/ogg", "inline"),
        ("video/mp4", "inline"),
        ("application/pdf", "attachment"),
        (OPAQUE_TYPE, "attachment"),
    ],
)
def test_pictures_audio_and_video_are_displayed_and_the_rest_is_saved(content_type: str, how: str) -> None:
    assert content_disposition(content_type, "document", "a.b").startswith(f"{how}; filename=")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("order.pdf", "order.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\windows\\x.pdf", "C__windows_x.pdf"),
        ("a\r\nX-Evil: 1.pdf", "aX-Evil_ 1.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u200bhidden\x00.pdf", "hidden.pdf"),
        ("Ω größer 한국.pdf", "Ω größer 한국.pdf"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 118),
        ("half \ud83d", "half"),
        (" . ", "document.pdf"),
        (None, "document.pdf"),
    ],
)
def test_a_senders_file_name_is_made_safe(title: str | None, name: str) -> None:
    assert file_name("application/pdf", "document", title) == name


def test_the_header_is_ascii_for_names_in_any_script() -> None:
    header = content_disposition("application/pdf", "document", 'größe "1".pdf')

    assert header == "attachment; filename=\"gr__e _1_.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20_1_.pdf"
    assert (
        content_disposition("image/jpeg", "image", None) == "inline; filename=\"image.jpg\"; filename*=UTF-8''image.jpg"
    )
