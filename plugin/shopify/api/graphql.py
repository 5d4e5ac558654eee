"""Run documents of the Admin API and return their `data`."""

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from plugin.manifest import load_manifest
from plugin.shopify.api import access_tokens, http
from plugin.shopify.api.http import ApiResponse, ShopifyError, UserError
from plugin.shopify.api.throttle import CostThrottle, parse_cost
from storage.engine.types import JsonObject

DOCUMENTS = Path(__file__).parents[1] / "documents"
FIELDS = DOCUMENTS / "fields"  # what every query of a noun asks for: one fragment a file
SPREAD = re.compile(r"\.\.\.(\w+)")
MAX_ATTEMPTS = 6
MAX_WAIT_S = 60.0  # after this no further try begins
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 8.0
# Shopify's own words for trouble on its side; it says them with status 200.
PASSING = {"THROTTLED", "INTERNAL_SERVER_ERROR", "TIMEOUT"}
REFUSED = {
    402: "This store's plan is not paid for at the moment, so Shopify lets no app in.",
    403: "Shopify does not allow Regulars to do this in this store.",
    404: "There is no such store at Shopify.",
    423: "Shopify has locked this store.",
}

NOT_ALLOWED = "Open Regulars in the Shopify admin and agree to the permissions that it asks for."

log = structlog.get_logger()
throttle = CostThrottle()


@dataclass(frozen=True, slots=True)
class QueryError:
    """What Shopify says is wrong with a query: its code if it has one, and its words."""

    code: str
    message: str


class TokenRefusedError(ShopifyError):
    """Shopify does not know the access token any more."""


def query(shop_id: int, document: str, variables: Mapping[str, object]) -> JsonObject:
    """Run a file of `documents/` on a shop and give its `data`.

    A refused token is replaced once; throttling and trouble at Shopify are waited out for
    `MAX_WAIT_S`. A change may therefore reach Shopify twice: documents must bear that.

    Raises:
        ShopifyError: Shopify refused, or was not there; `user_errors` holds what it minded.
        RegularsError: the app is not installed on the shop, or must be opened there once more.
    """
    domain, token = access_tokens.domain_and_token(shop_id)
    try:
        return query_with_token(domain, token, document, variables)
    except TokenRefusedError:
        token = access_tokens.refresh_token(shop_id, token)
    try:
        return query_with_token(domain, token, document, variables)
    except TokenRefusedError:
        raise access_tokens.discard_token(shop_id, token) from None


def query_with_token(
    domain: str, token: str, document: str, variables: Mapping[str, object]
) -> JsonObject:
    """As `query`, with a token in hand.

    Raises:
        TokenRefusedError: Shopify does not know the token.
    """
    path = f"/admin/api/{load_manifest()['api_version']}/graphql.json"
    request_body = {"query": text_of(document), "variables": variables}
    until = time.monotonic() + MAX_WAIT_S
    time.sleep(min(LONGEST_WAIT_S, throttle.reserve(domain, document)))
    for tried in range(1, MAX_ATTEMPTS + 1):
        trouble: ShopifyError
        try:
            reply = http.post_json(domain, path, request_body, token=token)
        except http.UnreachableError as error:
            trouble, wait_s = error, _backoff_s(tried)
        else:
            problem = _passing(reply, domain, document, tried)
            if problem is None:
                return _data(reply)
            trouble, wait_s = problem
        if tried == MAX_ATTEMPTS or time.monotonic() + wait_s > until:
            raise trouble
        log.info("shopify.waiting", document=document, tried=tried, wait_s=round(wait_s, 2))
        time.sleep(wait_s)
    raise AssertionError


@lru_cache
def text_of(document: str) -> str:
    """A file of `documents/`, with the fields of `fields/` written out where it spreads them:
    Shopify's bulk operations know no fragments.
    """
    return _written_out((DOCUMENTS / f"{document}.graphql").read_text(encoding="utf-8"))


def _written_out(text: str) -> str:
    return SPREAD.sub(lambda spread: _written_out(_fields(spread[1])), text)


def _fields(name: str) -> str:
    fragment = (FIELDS / f"{name}.graphql").read_text(encoding="utf-8")
    return fragment[fragment.index("{") + 1 : fragment.rindex("}")].strip()


def _passing(
    reply: ApiResponse, domain: str, document: str, tried: int
) -> tuple[ShopifyError, float] | None:
    """Trouble that goes away by waiting, and for how long; None when there is none."""
    if reply.status == 429:
        busy = ShopifyError("Shopify asks us to slow down.", 503)
        return busy, _backoff_s(tried) if reply.retry_after_s is None else reply.retry_after_s
    if reply.status >= 500:
        return ShopifyError(f"Shopify is in trouble ({reply.status}).", 503), _backoff_s(tried)
    body = reply.body or {}
    cost = parse_cost(body.get("extensions"))
    affordable_s = 0.0 if cost is None else throttle.record_cost(domain, document, cost)
    codes = {error.code for error in _errors(body)}
    if reply.status == 200 and codes and codes <= PASSING:
        # Half a second on top: others spend from the same bucket while we wait.
        wait_s = affordable_s + random.uniform(0, 0.5) if affordable_s else _backoff_s(tried)
        return ShopifyError("Shopify is busy with this store.", 503), wait_s
    return None


def _data(reply: ApiResponse) -> JsonObject:
    """What was asked for.

    Raises:
        ShopifyError: something else came.
    """
    if reply.status == 401:
        raise TokenRefusedError("Shopify does not know our access token.")
    if reply.status in REFUSED:
        raise ShopifyError(REFUSED[reply.status])
    body = reply.body or {}
    if errors := _errors(body):
        words = "Shopify refused: " + _sentences([error.message for error in errors])
        if any(error.code == "ACCESS_DENIED" for error in errors):
            raise ShopifyError(f"{words} {NOT_ALLOWED}", 403)
        raise ShopifyError(words)
    data = body.get("data")
    if reply.status != 200 or not isinstance(data, dict):
        raise ShopifyError(f"Shopify's answer ({reply.status}) makes no sense.")
    if minded := tuple(_user_errors(data)):
        words = _sentences([error.message for error in minded])
        raise ShopifyError(f"Shopify refused: {words}", 422, minded)
    return data


def _errors(body: JsonObject) -> list[QueryError]:
    """The query's own errors. Some statuses come with text instead of a list."""
    errors = body.get("errors") or []
    if not isinstance(errors, list):
        return [QueryError("", str(errors))]
    found = []
    for error in errors:
        details = error if isinstance(error, dict) else {"message": error}
        extensions = details.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        words = str(details.get("message") or "no reason given")
        found.append(QueryError(str(code or ""), words))
    return found


def _user_errors(data: JsonObject) -> list[UserError]:
    return [
        UserError(str(error.get("code") or ""), str(error.get("message") or "no reason given"))
        for payload in data.values()
        if isinstance(payload, dict)
        for error in payload.get("userErrors") or []
    ]


def _sentences(messages: list[str]) -> str:
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in messages)


def _backoff_s(tried: int) -> float:
    whole = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (tried - 1))
    return float(whole * random.uniform(0.5, 1))
