"""Bodies are decoded to values that can be stored, or are unreadable."""

from typing import Any

import pytest

from enricher.parsing.decode import MAX_DEPTH, decode_body
from enricher.parsing.errors import UnreadableBody


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(
            b'{"a":"\\u00e9 \\ud83c\\udf89 b\\/c"}', {"a": "é 🎉 b/c"}, id="escapes as the platforms write them"
        ),
        pytest.param('{"a":"é 🎉"}'.encode(), {"a": "é 🎉"}, id="plain UTF-8"),
        pytest.param(b'{"a":"\\ud83c"}', {"a": "\ufffd"}, id="a lone surrogate"),
        pytest.param(b'{"a":"\\udf89\\ud83c!"}', {"a": "\ufffd\ufffd!"}, id="surrogates in the wrong order"),
        pytest.param(b'{"a\\u0000":["x\\u0000y"]}', {"a\ufffd": ["x\ufffdy"]}, id="NUL in a key and in a value"),
        pytest.param(b'{"a":"\\u0000\\ud83c"}', {"a": "\ufffd\ufffd"}, id="NUL and surrogate"),
        pytest.param(b'{"a":"\xff"}', {"a": "\ufffd"}, id="invalid UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="a byte order mark"),
        pytest.param(b'{"id":90071992547409931234}', {"id": 90071992547409931234}, id="an integer above 64 bits"),
        pytest.param(b'{"a":"\\\\u0000"}', {"a": "\\u0000"}, id="an escaped backslash before u0000 is text"),
    ],
)
def test_a_body_is_decoded(body: bytes, value: Any) -> None:
    assert decode_body(body) == value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(b'{"a":1', id="cut off"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b'{"a":NaN,"b":"\\ud83c"}', id="NaN"),
        pytest.param(b"1" * 5000, id="a huge number"),
        pytest.param(b"[" * 100_000, id="brackets only"),
        pytest.param(b'"\\ud83c' + b"[" * 100_000, id="brackets after a surrogate"),
        pytest.param(b'{"a":' * 2000 + b"1" + b"}" * 2000, id="deeper than the decoder allows"),
        pytest.param(b'["\\ud83c",' + b"[" * 900 + b"]" * 900 + b"]", id="deep and with a surrogate"),
    ],
)
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        decode_body(body)


def test_nesting_is_limited() -> None:
    def nested(levels: int) -> bytes:
        return b"[" * levels + b"]" * levels

    assert decode_body(nested(MAX_DEPTH)) is not None
    with pytest.raises(UnreadableBody, match="nested"):
        decode_body(nested(MAX_DEPTH + 2))


def test_many_brackets_without_nesting_are_allowed() -> None:
    assert decode_body(b"[" + b",".join([b"{}"] * 5000) + b"]") == [{}] * 5000
