"""The Graph API over HTTP: profiles of customers, and addresses of media."""

import hmac
import re
from collections.abc import Callable
from datetime import datetime

import httpx
from pydantic import SecretStr

from enricher.graph.errors import GraphCallRejected, GraphTimeout, GraphUnavailable, TokenRefused
from enricher.graph.responses import PROFILE_FIELDS, MediaAddress, parse_media_address, parse_profile
from enricher.graph.usage import Usage, usage_of
from shared.contracts import Profile
from shared.contracts.internal import PageKey
from shared.http.client import CallFailed, CallTimedOut, HttpResponse, call
from shared.security.app_secrets import AppSecrets
from shared.security.bearer import bearer_problem

_PATH_ID = re.compile(r"[A-Za-z0-9._-]+")
_INSTAGRAM_LOGIN_PREFIX = "IGAA"
"""Tokens of Instagram Login work only on Instagram's own host, page tokens only on the other one."""


class GraphClient:
    """Reads profiles and addresses of media.

    Args:
        http: closed by its owner. Must not follow redirects.
        url: of the Graph API.
        instagram_url: of the Graph API for tokens of Instagram Login.
        version: of the API, e.g. `v25.0`.
        app_secrets: sign calls, each those of its pages.
        instagram_app_secret: signs calls with tokens of Instagram Login, whose app has a secret of its own. Defaults to
            that in `app_secrets`, which also takes precedence if it names the page.
        timeout_seconds: for a whole call.
        on_usage: called with the usage that a response reports, before the response is returned or raised.
        utc_now: the time of day, for profiles.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        instagram_url: str,
        version: str,
        app_secrets: AppSecrets,
        instagram_app_secret: SecretStr | None = None,
        timeout_seconds: float,
        on_usage: Callable[[PageKey, Usage], None],
        utc_now: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._instagram_url = instagram_url.rstrip("/")
        self._version = version
        self._app_secrets = app_secrets
        self._instagram_app_secret = instagram_app_secret
        self._timeout_seconds = timeout_seconds
        self._on_usage = on_usage
        self._utc_now = utc_now

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        """Return the profile of a customer of the page. It may be empty.

        Raises:
            GraphUnavailable, GraphTimeout, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing,
                ProfileInaccessible, GraphCallRejected: see `enricher.graph.errors`.
        """
        fields = PROFILE_FIELDS.get(page.platform)
        if fields is None or not _is_path_id(participant_id):
            raise GraphCallRejected("this ID has no profile lookup")
        response = await self._get(page, participant_id, {"fields": fields}, token)
        return parse_profile(page.platform, response.status, response.body, now=self._utc_now())

    async def media(self, page: PageKey, media_id: str, token: SecretStr) -> MediaAddress:
        """Return the address of a media file that was sent to a WhatsApp number.

        Raises:
            MediaGone: the platform no longer has the file.
            GraphUnavailable, GraphTimeout, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing,
                GraphCallRejected: see `enricher.graph.errors`.
        """
        if not _is_path_id(media_id):
            raise GraphCallRejected("this ID has no media lookup")
        # The number says whose file it is: a token may be valid for several numbers.
        response = await self._get(page, media_id, {"phone_number_id": page.page_id}, token)
        return parse_media_address(response.status, response.body)

    async def _get(self, page: PageKey, path_id: str, parameters: dict[str, str], token: SecretStr) -> HttpResponse:
        secret = token.get_secret_value()
        if (problem := bearer_problem(secret)) is not None:  # stored before the store refused such tokens
            sentence = "The page's access token has characters that no request can carry. Connect the page again."
            raise TokenRefused(f"an access token that {problem}", sentence=sentence)
        is_instagram_login = secret.startswith(_INSTAGRAM_LOGIN_PREFIX)
        host = self._instagram_url if is_instagram_login else self._url
        try:
            response = await call(
                self._http,
                "GET",
                f"{host}/{self._version}/{path_id}",
                total_seconds=self._timeout_seconds,
                # Not in the URL, which ends up in logs.
                headers={"Authorization": f"Bearer {secret}"},
                params={
                    **parameters,
                    "appsecret_proof": _proof(self._signing_key(page, is_instagram_login=is_instagram_login), secret),
                },
            )
        except CallTimedOut as error:
            raise GraphTimeout(str(error)) from error
        except CallFailed as error:
            raise GraphUnavailable(str(error)) from error
        self._on_usage(page, usage_of(response.headers))
        return response

    def _signing_key(self, page: PageKey, *, is_instagram_login: bool) -> bytes:
        is_named = self._app_secrets.names(page.platform, page.page_id)
        if is_instagram_login and self._instagram_app_secret is not None and not is_named:
            return self._instagram_app_secret.get_secret_value().encode()
        return self._app_secrets.signing(page.platform, page.page_id).key


def _proof(app_secret: bytes, token: str) -> str:
    return hmac.digest(app_secret, token.encode(), "sha256").hex()


def _is_path_id(value: str) -> bool:
    return _PATH_ID.fullmatch(value) is not None and value.strip(".") != ""
