"""The Graph API: who a customer is, and where a medium is handed out."""

import hmac
import re
from collections.abc import Callable
from datetime import datetime

import httpx
from pydantic import SecretStr

from enricher.errors import GraphCallRejected, GraphTimeout, GraphUnavailable
from enricher.graph.responses import PROFILE_FIELDS, MediaAddress, parse_media_address, parse_profile
from enricher.graph.usage import Usage, usage_of
from enricher.pages import Page
from shared.contracts import Profile
from shared.http.client import CallFailed, CallTimedOut, HttpResponse, call

_PATH_ID = re.compile(r"[A-Za-z0-9._-]+")
_INSTAGRAM_LOGIN_PREFIX = "IGAA"
"""Tokens of Instagram Login work only on Instagram's own host, page tokens only on the other one."""


class GraphClient:
    """Reads profiles, and addresses of media.

    Args:
        http: closed by whoever opened it; must follow no redirects.
        url: of the Graph API; `instagram_url` is the host of Instagram Login.
        version: e.g. `v25.0`.
        app_secret: signs every call; those with tokens of Instagram Login, which belong to an app of their own, are
            signed with `instagram_app_secret` where there is one.
        timeout_seconds: for a whole call.
        on_usage: called with what an answer says of the limits, before the answer is returned or raised.
        now: the clock.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        instagram_url: str,
        version: str,
        app_secret: SecretStr,
        instagram_app_secret: SecretStr | None = None,
        timeout_seconds: float,
        on_usage: Callable[[Page, Usage], None],
        now: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._instagram_url = instagram_url.rstrip("/")
        self._version = version
        self._app_secret = app_secret.get_secret_value().encode()
        self._instagram_app_secret = (instagram_app_secret or app_secret).get_secret_value().encode()
        self._timeout_seconds = timeout_seconds
        self._on_usage = on_usage
        self._now = now

    async def profile(self, page: Page, participant_id: str, token: SecretStr) -> Profile:
        """Return the profile of a customer of the page, which may be empty.

        Raises:
            GraphUnavailable, GraphTimeout, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing,
                ProfileInaccessible, GraphCallRejected: see `enricher.errors`.
        """
        fields = PROFILE_FIELDS.get(page[0])
        if fields is None or not _is_path_id(participant_id):
            raise GraphCallRejected("there is no look-up of such an id")
        answer = await self._get(page, participant_id, {"fields": fields}, token)
        return parse_profile(page[0], answer.status, answer.body, now=self._now())

    async def media(self, page: Page, media_id: str, token: SecretStr) -> MediaAddress:
        """Return where a medium that came to a WhatsApp number is handed out.

        Raises:
            MediaGone: the platform no longer has the medium.
            GraphUnavailable, GraphTimeout, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing,
                GraphCallRejected: see `enricher.errors`.
        """
        if not _is_path_id(media_id):
            raise GraphCallRejected("there is no medium of such an id")
        # The number says whose medium it is: a token may be good for several.
        answer = await self._get(page, media_id, {"phone_number_id": page[1]}, token)
        return parse_media_address(answer.status, answer.body)

    async def _get(self, page: Page, path_id: str, parameters: dict[str, str], token: SecretStr) -> HttpResponse:
        secret = token.get_secret_value()
        is_instagrams = secret.startswith(_INSTAGRAM_LOGIN_PREFIX)
        host = self._instagram_url if is_instagrams else self._url
        signs = self._instagram_app_secret if is_instagrams else self._app_secret
        try:
            answer = await call(
                self._http,
                "GET",
                f"{host}/{self._version}/{path_id}",
                total_seconds=self._timeout_seconds,
                # In the header and not in the URL, which ends up in logs.
                headers={"Authorization": f"Bearer {secret}"},
                params={**parameters, "appsecret_proof": _proof(signs, secret)},
            )
        except CallTimedOut as error:
            raise GraphTimeout(str(error)) from error
        except CallFailed as error:
            raise GraphUnavailable(str(error)) from error
        self._on_usage(page, usage_of(answer.headers))
        return answer


def _proof(app_secret: bytes, token: str) -> str:
    return hmac.digest(app_secret, token.encode(), "sha256").hex()


def _is_path_id(value: str) -> bool:
    return _PATH_ID.fullmatch(value) is not None and value.strip(".") != ""
