import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from simulator import signing

SECRET = SecretStr("a-published-test-secret")

bodies = st.dictionaries(
    st.text(max_size=8), st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3))
)


def test_a_body_is_serialized_as_meta_does() -> None:
    body = {"text": "Zoë 😀 https://example.com/a"}

    assert signing.serialize(body) == rb'{"text":"Zo\u00eb \ud83d\ude00 https:\/\/example.com\/a"}'


def test_strict_escapes_and_plain_text_are_available() -> None:
    body = {"text": "<5 % @é/"}

    assert signing.serialize(body, escaping="strict") == rb'{"text":"\u003c5 \u0025 \u0040\u00e9\/"}'
    assert signing.serialize(body, escaping="plain") == '{"text":"<5 % @é/"}'.encode()


def test_the_signature_of_a_known_body_equals_openssls() -> None:
    r"""printf '%s' '{"text":"Zo\u00eb \ud83d\ude00 https:\/\/example.com\/a"}' | openssl dgst -sha256 -hmac SECRET."""
    raw = rb'{"text":"Zo\u00eb \ud83d\ude00 https:\/\/example.com\/a"}'
    known = "sha256=06ea5915f8d45007380e639ff315ea3d2bf9e134952c149dd0e0d93fb78aa806"

    assert signing.signature(raw, SECRET) == known
    assert signing.headers(raw, SECRET)["X-Hub-Signature-256"] == known


def test_the_proof_of_a_known_token_equals_openssls() -> None:
    known = "f280a371006fdc29370ab41ec9fc45fb4310ce11a253364d4d7d0bd05b5a0417"

    assert signing.appsecret_proof("simulated-token", SECRET) == known


@given(bodies, st.sampled_from(["meta", "strict", "plain"]))
def test_every_escaping_decodes_to_the_same_body(body: dict[str, Any], escaping: signing.Escaping) -> None:
    assert json.loads(signing.serialize(body, escaping=escaping)) == body


@given(bodies)
def test_an_escaped_body_is_ascii_with_lowercase_escapes_and_no_bare_slash(body: dict[str, Any]) -> None:
    raw = signing.serialize(body).decode("ascii")
    without_backslashes = raw.replace("\\\\", "")

    assert not re.search(r"(?<!\\)/", without_backslashes)
    assert all(escape == escape.lower() for escape in re.findall(r"\\u[0-9a-fA-F]{4}", without_backslashes))


def test_a_lone_surrogate_can_only_be_sent_escaped() -> None:
    assert signing.serialize({"text": "\ud83d"}) == rb'{"text":"\ud83d"}'
    with pytest.raises(UnicodeEncodeError):
        signing.serialize({"text": "\ud83d"}, escaping="plain")
