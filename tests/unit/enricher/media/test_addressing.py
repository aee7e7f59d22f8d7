"""Where a token may be sent for a medium, and as what a medium may reach a browser."""

import json

import pytest

from enricher.graph.errors import GraphUnavailable, MediaGone, PermissionMissing, TokenRefused
from enricher.graph.responses import MediaAddress, parse_media_address
from enricher.media.addressing import AllowedHosts
from enricher.media.presentation import OPAQUE_TYPE, content_disposition, file_name, safe_content_type

HOSTS = AllowedHosts(("fbsbx.com", "whatsapp.net"), "http://127.0.0.1:8099")


@pytest.mark.parametrize(
    "url",
    [
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=AT_x-y",
        "https://fbsbx.com/a",
        "https://mmg.whatsapp.net:443/a?b=c",
        "https://LOOKASIDE.FBSBX.COM/a",
        "http://127.0.0.1:8099/files/1?mid=2",
        "http://127.0.0.1:8099",
    ],
)
def test_a_token_may_be_sent_to_the_platforms_hosts_and_to_the_graph_api_itself(url: str) -> None:
    assert HOSTS.allow(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/a",
        "https://lookaside.fbsbx.com:8443/a",
        "https://fbsbx.com.evil.example/a",
        "https://evilfbsbx.com/a",
        "https://evil.example/fbsbx.com",
        "https://evil.example#.fbsbx.com",
        "https://evil.example?.fbsbx.com",
        "https://lookaside.fbsbx.com@evil.example/a",
        "https://evil.example\\@lookaside.fbsbx.com/a",
        "https://evil.example\\.fbsbx.com/a",
        "https://evil.example\t.fbsbx.com/a",
        "https://evil.example .fbsbx.com/a",
        "https://fbsbx.com./a",
        "https://fbsbx.com:no/a",
        "https://[fbsbx.com/a",
        "http://127.0.0.1:8098/files/1",
        "https://127.0.0.1:8099/files/1",
        "http://127.0.0.1/files/1",
        "http://169.254.169.254/latest/meta-data",
        "ftp://lookaside.fbsbx.com/a",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/a",
        "lookaside.fbsbx.com/a",
        "",
    ],
)
def test_a_token_is_sent_nowhere_else(url: str) -> None:
    assert not HOSTS.allow(url)


@pytest.mark.parametrize(
    ("told", "shown"),
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
def test_only_what_cannot_run_is_shown_as_what_it_is(told: tuple[str | None, ...], shown: str) -> None:
    assert safe_content_type(*told) == shown


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
def test_pictures_sounds_and_films_are_shown_and_the_rest_is_saved(content_type: str, how: str) -> None:
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
def test_a_name_from_outside_is_a_name_and_nothing_else(title: str | None, name: str) -> None:
    assert file_name("application/pdf", "document", title) == name


def test_a_name_of_any_script_is_in_the_header_as_ascii() -> None:
    header = content_disposition("application/pdf", "document", 'größe "1".pdf')

    assert header == "attachment; filename=\"gr__e _1_.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20_1_.pdf"
    assert (
        content_disposition("image/jpeg", "image", None) == "inline; filename=\"image.jpg\"; filename*=UTF-8''image.jpg"
    )


def answer(**content: object) -> bytes:
    return json.dumps(content).encode()


def test_the_graph_api_says_where_a_medium_is() -> None:
    body = answer(url="https://lookaside.fbsbx.com/a", mime_type="image/jpeg", file_size=3, sha256="x", id="1")

    assert parse_media_address(200, body) == MediaAddress("https://lookaside.fbsbx.com/a", "image/jpeg")


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (400, {"error": {"code": 100, "error_subcode": 33, "message": "does not exist"}}, MediaGone),
        (401, {"error": {"code": 190, "message": "expired"}}, TokenRefused),
        (403, {"error": {"code": 10, "message": "no permission"}}, PermissionMissing),
        (500, {"error": {"code": 2}}, GraphUnavailable),
        (200, {"id": "1"}, GraphUnavailable),
    ],
)
def test_an_answer_without_an_address_says_why(status: int, content: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_media_address(status, answer(**content))
