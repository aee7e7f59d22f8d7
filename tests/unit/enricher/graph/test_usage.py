"""Usage headers are parsed, and no header can cause an error."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.graph.usage import MAX_REGAIN_SECONDS, Usage, usage_of

APP, PAGE, BUSINESS = "X-App-Usage", "X-Page-Usage", "X-Business-Use-Case-Usage"


def business(**entry: Any) -> str:
    return json.dumps({"1041": [{"type": "messenger", **entry}]})


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        pytest.param({}, Usage(), id="no headers, as before the first use"),
        pytest.param({APP: '{"call_count":28,"total_cputime":30,"total_time":25}'}, Usage(app_percent=30), id="app"),
        pytest.param({PAGE: '{"call_count":96}'}, Usage(page_percent=96), id="page"),
        pytest.param(
            {BUSINESS: business(call_count=100, total_time=3, estimated_time_to_regain_access=7)},
            Usage(page_percent=100, regain_seconds=420),
            id="business",
        ),
        pytest.param(
            {PAGE: '{"call_count":10}', BUSINESS: business(call_count="85")},
            Usage(page_percent=85),
            id="the higher",
        ),
        pytest.param(
            {BUSINESS: business(call_count=1, estimated_time_to_regain_access=10**9)},
            Usage(page_percent=1, regain_seconds=MAX_REGAIN_SECONDS),
            id="regain time is bounded",
        ),
        pytest.param({BUSINESS: business(type="ads_insights", call_count=100)}, Usage(), id="other use case"),
        pytest.param({APP: "{not json", BUSINESS: ""}, Usage(), id="unreadable"),
        pytest.param({APP: '{"call_count":null,"total_time":-1}'}, Usage(), id="no numbers"),
        pytest.param({APP: "[" * 10_000, BUSINESS: "[]", PAGE: "1e400"}, Usage(), id="no objects"),
        pytest.param({BUSINESS: '{"1":{},"2":[1,null,{"type":["x"]}]}'}, Usage(), id="no entries"),
    ],
)
def test_headers_are_parsed(headers: dict[str, str], usage: Usage) -> None:
    assert usage_of(httpx.Headers(headers)) == usage


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("messenger"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["1041", "type", "call_count", "total_time", "estimated_time_to_regain_access"]), inner
        )
    ),
    max_leaves=8,
)


@given(app=_json.map(json.dumps) | st.text(), page=_json.map(json.dumps) | st.text())
def test_no_header_causes_an_error(app: str, page: str) -> None:
    usage = usage_of({"x-app-usage": app, "x-page-usage": page, "x-business-use-case-usage": page})

    assert usage.app_percent is None or 0 <= usage.app_percent <= 1000
    assert usage.page_percent is None or 0 <= usage.page_percent <= 1000
    assert 0 <= usage.regain_seconds <= MAX_REGAIN_SECONDS
