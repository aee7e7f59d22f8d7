"""What responses mean: an error's code comes before the HTTP status, and an `error` counts even with status 200."""

import json
from typing import Any

import pytest

from enricher.graph.errors import (
    GraphCallRejected,
    GraphUnavailable,
    MediaGone,
    PermissionMissing,
    PolicyBlocked,
    ProfileInaccessible,
    RateLimited,
    TokenRefused,
)
from enricher.graph.responses import MediaAddress, parse_error, parse_media_address, parse_profile
from shared.contracts import Platform, Profile
from tests.builders import NOON


@pytest.mark.parametrize(
    ("platform", "response", "profile"),
    [
        pytest.param(
            "facebook",
            {"name": "Ada Lovelace", "first_name": "Ada", "profile_pic": "https://cdn.example/a", "id": "1"},
            Profile(name="Ada Lovelace", profile_pic="https://cdn.example/a", fetched_at=NOON),
            id="messenger",
        ),
        pytest.param(
            "facebook",
            {"first_name": "Ada", "last_name": "Lovelace"},
            Profile(name="Ada Lovelace", fetched_at=NOON),
            id="a name in two parts",
        ),
        pytest.param("facebook", {"first_name": "Ada"}, Profile(name="Ada", fetched_at=NOON), id="half a name"),
        pytest.param(
            "instagram",
            {"name": None, "username": "ada", "profile_pic": None},
            Profile(username="ada", fetched_at=NOON),
            id="username only",
        ),
        pytest.param(
            "instagram",
            {"username": "ada", "profile_picture_url": "https://cdn.example/a"},
            Profile(username="ada", profile_pic="https://cdn.example/a", fetched_at=NOON),
            id="picture in the other field",
        ),
        pytest.param("facebook", {"id": "1"}, Profile(fetched_at=NOON), id="ID only"),
        pytest.param(
            "facebook", {"name": 5, "profile_pic": "javascript:x"}, Profile(fetched_at=NOON), id="invalid values"
        ),
        pytest.param(
            "facebook", {"name": "A\x00a\ud83d"}, Profile(name="A\ufffda\ufffd", fetched_at=NOON), id="unstorable"
        ),
    ],
)
def test_a_profile_is_parsed(platform: Platform, response: Any, profile: Profile) -> None:
    assert parse_profile(platform, 200, json.dumps(response).encode(), now=NOON) == profile


@pytest.mark.parametrize(
    ("code", "subcode", "status", "expected"),
    [
        (1, None, 500, GraphUnavailable),
        (2, None, 200, GraphUnavailable),
        (None, None, 503, GraphUnavailable),
        (4, None, 400, RateLimited),
        (17, None, 403, RateLimited),
        (32, None, 400, RateLimited),
        (613, 2534040, 400, RateLimited),
        (4, 2018354, 400, RateLimited),
        (80006, None, 400, RateLimited),
        (None, None, 429, RateLimited),
        (190, None, 400, TokenRefused),
        (190, 463, 401, TokenRefused),
        (190, 460, 200, TokenRefused),
        (102, None, 400, TokenRefused),
        (10, None, 403, PermissionMissing),
        (10, 2018278, 403, PermissionMissing),
        (200, None, 403, PermissionMissing),
        (299, None, 403, PermissionMissing),
        (3, None, 403, PermissionMissing),
        (368, None, 400, PolicyBlocked),
        (341, None, 400, RateLimited),
        (613, 2018338, 400, RateLimited),
        (80001, None, 403, RateLimited),
        (80002, None, 400, RateLimited),
        (190, 458, 400, TokenRefused),
        (190, 459, 400, TokenRefused),
        (190, 464, 400, TokenRefused),
        (190, 467, 400, TokenRefused),
        (190, 492, 400, TokenRefused),
        (190, 493, 400, TokenRefused),
        (10, 2534022, 403, PermissionMissing),
        (10, 1893063, 403, PermissionMissing),
        (200, 2018028, 403, PermissionMissing),
        (2018247, None, 400, PermissionMissing),
        (2018300, None, 400, PermissionMissing),
        (100, 2534014, 400, ProfileInaccessible),
        (2018218, None, 400, ProfileInaccessible),
        (551, None, 400, ProfileInaccessible),
        (100, 2018008, 400, GraphCallRejected),
        (230, None, 400, ProfileInaccessible),
        (9010, None, 400, ProfileInaccessible),
        (100, 33, 400, ProfileInaccessible),
        (100, 2018218, 400, ProfileInaccessible),
        (100, 2018001, 400, ProfileInaccessible),
        (551, 1545041, 400, ProfileInaccessible),
        (200, 1545041, 400, ProfileInaccessible),
        (100, None, 400, GraphCallRejected),
        ("190", None, 400, TokenRefused),
        ("many", [], 400, GraphCallRejected),
    ],
)
def test_an_error_is_classified(code: Any, subcode: Any, status: int, expected: type[Exception]) -> None:
    error = {"message": "no", "code": code, "error_subcode": subcode}

    assert type(parse_error(status, error)) is expected
    with pytest.raises(expected):
        parse_profile("facebook", status, json.dumps({"error": error}).encode(), now=NOON)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(200, b"<html>", GraphUnavailable, id="not JSON"),
        pytest.param(502, b"", GraphUnavailable, id="empty body"),
        pytest.param(429, b"slow down", RateLimited, id="429 without JSON"),
        pytest.param(200, b"[]", GraphUnavailable, id="a list"),
        pytest.param(302, b"{}", GraphCallRejected, id="a redirect"),
        pytest.param(404, b"{}", GraphCallRejected, id="not found"),
        pytest.param(400, b'{"error":"text"}', GraphCallRejected, id="an error that is text"),
        pytest.param(400, b'{"error":{"code":10,"is_transient":true}}', GraphUnavailable, id="transient permission"),
        pytest.param(
            400, b'{"error":{"code":999,"is_transient":true}}', GraphUnavailable, id="transient unknown error"
        ),
    ],
)
def test_other_responses_are_errors_too(status: int, body: bytes, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        parse_profile("facebook", status, body, now=NOON)


@pytest.mark.parametrize(("code", "is_app_limit"), [(4, True), (341, True), (17, False), (32, False), (80006, False)])
def test_a_rate_limit_is_the_apps_or_the_pages(code: int, is_app_limit: bool) -> None:  # noqa: FBT001 - a case
    limit = parse_error(400, {"code": code})

    assert isinstance(limit, RateLimited)
    assert limit.is_app_limit is is_app_limit


def test_a_token_in_a_message_is_removed() -> None:
    token = "EAAC" + "dEose0cBA" * 20

    error = parse_error(400, {"code": 190, "message": f"Malformed access token {token} of 17841400000000001"})

    assert "EAAC" not in str(error)
    assert str(error).endswith("Malformed access token […] of 17841400000000001")


def test_a_refused_token_has_a_sentence_for_the_user() -> None:
    subcodes = [None, 458, 459, 460, 463, 464, 467, 492, 493, 999]
    errors = [parse_error(400, {"code": 190, "error_subcode": subcode, "message": "internal"}) for subcode in subcodes]
    sentences = [error.sentence for error in errors if isinstance(error, TokenRefused)]

    assert len(set(sentences)) == len(subcodes) - 1, "an unknown subcode counts as none"
    assert all(sentence.endswith(". Connect the page again.") for sentence in sentences)


def media_response(**content: object) -> bytes:
    return json.dumps(content).encode()


def test_a_media_address_is_parsed() -> None:
    body = media_response(url="https://lookaside.fbsbx.com/a", mime_type="image/jpeg", file_size=3, sha256="x", id="1")

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
def test_a_response_without_a_media_address_is_an_error(
    status: int, content: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        parse_media_address(status, media_response(**content))
