"""Which hosts an access token may be sent to, and which paths identify an attachment."""

import pytest

from enricher.media.addressing import AllowedHosts, AttachmentPath, parse_attachment_path

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
def test_a_token_may_be_sent_to_the_platforms_hosts_and_to_the_graph_api(url: str) -> None:
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
def test_a_token_may_be_sent_nowhere_else(url: str) -> None:
    assert not HOSTS.allow(url)


def test_a_path_identifies_an_attachment() -> None:
    assert parse_attachment_path("2f1c7d0a9b3e4f55", "17", "3") == AttachmentPath("2f1c7d0a9b3e4f55", 17, 3)


@pytest.mark.parametrize(
    ("conversation_id", "message_id", "index"),
    [
        ("2F1C7D0A9B3E4F55", "1", "0"),
        ("2f1c", "1", "0"),
        ("2f1c7d0a9b3e4f55", "01", "0"),
        ("2f1c7d0a9b3e4f55", "1" * 19, "0"),
        ("2f1c7d0a9b3e4f55", "1", "10000"),
        ("2f1c7d0a9b3e4f55", "1", "-1"),
        ("2f1c7d0a9b3e4f55", "\u0661", "0"),
    ],
)
def test_any_other_path_identifies_none(conversation_id: str, message_id: str, index: str) -> None:
    assert parse_attachment_path(conversation_id, message_id, index) is None
