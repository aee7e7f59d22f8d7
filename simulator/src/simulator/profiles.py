"""Responses of the simulated Graph API to profile lookups. Pure.

Fields, codes and texts follow developers.facebook.com (user profile, Messenger error codes). The error code is what
matters, not the HTTP status.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.contracts import Platform
from simulator.customers import Customer
from simulator.faults import FaultKind, Faults

_READABLE: dict[Platform, frozenset[str]] = {
    "facebook": frozenset({"id", "name", "first_name", "last_name", "profile_pic"}),
    "instagram": frozenset(
        {
            "id",
            "name",
            "username",
            "profile_pic",
            "follower_count",
            "is_user_follow_business",
            "is_business_follow_user",
            "is_verified_user",
        }
    ),
    "whatsapp": frozenset(),
}
_NEEDS_PERMISSION = frozenset({"locale", "timezone", "gender"})
_BUSINESS_TYPE: dict[Platform, str] = {"facebook": "messenger", "instagram": "instagram", "whatsapp": "whatsapp"}


@dataclass(frozen=True)
class GraphResponse:
    """An HTTP response; `body` is sent as JSON."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def error(
    status: int, code: int, message: str, *, subcode: int | None = None, kind: str = "OAuthException"
) -> GraphResponse:
    """Return an error in the Graph API's format."""
    content: dict[str, Any] = {"message": message, "type": kind, "code": code}
    if subcode is not None:
        content["error_subcode"] = subcode
    return GraphResponse(status, {"error": {**content, "fbtrace_id": "Simulated0000000000000"}})


NO_SUCH_OBJECT = error(
    400,
    100,
    "Unsupported get request. Object with this ID does not exist, cannot be loaded due to missing permissions, or does "
    "not support this operation",
    subcode=33,
    kind="GraphMethodException",
)
NO_TOKEN = error(400, 104, "An access token is required to request this resource.")
BAD_TOKEN = error(400, 190, "Invalid OAuth access token - Cannot parse access token")
BAD_PROOF = error(400, 100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")

_FAULTS: dict[FaultKind, GraphResponse] = {
    "server_error": error(500, 2, "An unexpected error has occurred. Please retry your request later."),
    "rate_limit": error(400, 4, "(#4) Application request limit reached"),
    "page_rate_limit": error(400, 80006, "(#80006) There have been too many calls to this Messenger account."),
    "token_expired": error(400, 190, "Error validating access token: Session has expired", subcode=463),
    "app_removed": error(
        400, 190, "Error validating access token: The user has not authorized application", subcode=458
    ),
    "consent": error(400, 230, "(#230) User consent is required to access user profile"),
    "error_with_200": error(200, 1, "Please reduce the amount of data you're asking for, then retry your request"),
}


def fault(kind: FaultKind) -> GraphResponse | None:
    """Return the error of `kind`; None if it is not a Graph API error."""
    return _FAULTS.get(kind)


def profile(customer: Customer | None, fields: Sequence[str], *, picture_url: str) -> GraphResponse:
    """Return the profile of `customer` with the requested fields and the ID.

    One field that must not be read fails the whole call, as it does at Meta.
    """
    if customer is None or customer.platform == "whatsapp":
        return NO_SUCH_OBJECT
    for name in fields:
        if name in _NEEDS_PERMISSION:
            return error(403, 200, f"(#200) Reading {name} needs a permission that the app does not have")
        if name not in _READABLE[customer.platform]:
            return error(400, 100, f"(#100) Tried accessing nonexisting field ({name}) on node type (User)")
    known = {
        "id": customer.customer_id,
        "name": customer.name,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "username": customer.username,
        "profile_pic": picture_url,
        "follower_count": int(customer.customer_id[-3:]),
        "is_user_follow_business": True,
        "is_business_follow_user": False,
        "is_verified_user": False,
    }
    return GraphResponse(200, {name: known[name] for name in known if name in {*fields, "id"}})


def usage_headers(faults: Faults, customer: Customer | None) -> dict[str, str]:
    """Return the usage headers: used calls in percent, and the minutes until a limit ends."""
    if faults.usage_percent is None:
        return {}
    if faults.unreadable_usage:
        return {"X-App-Usage": "{not json", "X-Business-Use-Case-Usage": ""}
    is_limited = faults.kind in {"rate_limit", "page_rate_limit"}
    headers = {"X-App-Usage": _json(_usage(100 if faults.kind == "rate_limit" else faults.usage_percent))}
    if customer is not None:
        page_usage = {
            "type": _BUSINESS_TYPE[customer.platform],
            **_usage(100 if is_limited else faults.usage_percent),
            "estimated_time_to_regain_access": faults.regain_minutes if is_limited else 0,
        }
        headers["X-Business-Use-Case-Usage"] = _json({customer.page.page_id: [page_usage]})
    return headers


def _usage(percent: int) -> dict[str, int]:
    return {"call_count": percent, "total_cputime": percent, "total_time": percent}


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()
