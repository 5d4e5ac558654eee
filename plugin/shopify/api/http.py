"""One POST to a shop: a path and JSON go out, status, headers and JSON come back. No retries."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx2

from plugin.errors import RegularsError
from plugin.settings import get_settings
from storage.engine.types import JsonObject

TIMEOUT = httpx2.Timeout(20, connect=5)
MAX_RESPONSE_S = 30.0  # the whole answer; a server that drips bytes never trips a read timeout
MAX_RESPONSE_BYTES = 16 * 1024 * 1024  # 25 products with the longest descriptions stay under it


@dataclass(frozen=True, slots=True)
class UserError:
    """What Shopify minds about a change: its code, and words for the merchant."""

    code: str
    message: str


class ShopifyError(RegularsError):
    """Shopify refused or failed; the message says why, as far as Shopify said."""

    def __init__(
        self, message: str, status: int = 502, user_errors: tuple[UserError, ...] = ()
    ) -> None:
        super().__init__(message, status)
        self.user_errors = user_errors

    def has(self, code: str) -> bool:
        """Whether one of Shopify's complaints has this code."""
        return any(error.code == code for error in self.user_errors)


class UnreachableError(ShopifyError):
    """Shopify gave no answer; whether it acted is not known."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An answer; `body` is None when it was no JSON object."""

    status: int
    retry_after_s: float | None
    body: JsonObject | None = field(repr=False)


def post_json(
    domain: str, path: str, payload: Mapping[str, object], *, token: str | None = None
) -> ApiResponse:
    """Post JSON to a shop by its myshopify.com domain; redirects are not followed.

    Raises:
        UnreachableError: no answer, one that never ended, or one too large.
    """
    headers = {"Accept": "application/json", "User-Agent": "Regulars"}
    if token is not None:
        headers["X-Shopify-Access-Token"] = token
    origin = get_settings().shopify_origin.rstrip("/")
    if origin:
        headers["Host"] = domain
    address = f"{origin or f'https://{domain}'}{path}"
    until = time.monotonic() + MAX_RESPONSE_S
    try:
        with _client(not origin).stream("POST", address, json=payload, headers=headers) as response:
            return ApiResponse(
                response.status_code,
                _seconds(response.headers.get("Retry-After")),
                _object(_read(response, until)),
            )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        # An error's text may hold the address it was for, not what was sent.
        raise UnreachableError(f"Shopify did not answer ({type(error).__name__}).", 503) from None


@lru_cache
def _client(outside: bool) -> httpx2.Client:
    """The connections to Shopify; a proxy of the environment is for the world outside only."""
    return httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=outside)


def _read(response: httpx2.Response, until: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise UnreachableError("Shopify's answer was too large.")
        if time.monotonic() > until:
            raise UnreachableError("Shopify's answer did not end.", 503)
    return bytes(body)


def _object(body: bytes) -> JsonObject | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
