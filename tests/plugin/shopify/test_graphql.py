"""The Admin API when it is busy, in trouble, or says no."""

import time
from collections.abc import Callable

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from plugin.settings import get_settings
from plugin.shopify.api import graphql, http
from plugin.shopify.api.client import ShopifyError, query
from plugin.shopify.api.throttle import CostThrottle, parse_cost
from plugin.shopify.install.installation import install
from tests.plugin.shopify.box import Shopify, refused, the_shop

DOMAIN = "dewpoint.myshopify.com"
API = f"{DOMAIN}/admin/api/2026-10/graphql.json"


@pytest.fixture(autouse=True)
def _fresh_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql, "throttle", CostThrottle())
    monkeypatch.setattr(graphql, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def shop_id(sqlite: str, shopify: Shopify) -> int:
    shop_id = install(DOMAIN, shopify.id_token())
    shopify.seen.clear()
    return shop_id


def name_of(shop_id: int) -> str:
    return str(query(shop_id, "shop", {})["shop"]["name"])


def throttled(cost: object = None) -> Response:
    errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    return JSONResponse({"errors": errors, "extensions": {"cost": cost}})


BUSY: dict[str, Callable[[], Response]] = {
    "429 with a time": lambda: refused(429, Retry_After="0.05"),
    "429 without": lambda: refused(429),
    "429 with a date": lambda: refused(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
    "500": lambda: refused(500),
    "503 in HTML": lambda: Response("<h1>Sorry</h1>", status_code=503),
    "THROTTLED without a cost": throttled,
    "THROTTLED with nonsense": lambda: throttled({"throttleStatus": {"restoreRate": "x"}}),
    "trouble with status 200": lambda: JSONResponse(
        {"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
    ),
}


@pytest.mark.parametrize("kind", BUSY)
def test_f30_trouble_that_passes_is_waited_out(shop_id: int, shopify: Shopify, kind: str) -> None:
    shopify.trouble = [BUSY[kind](), BUSY[kind]()]

    assert name_of(shop_id) == "Dewpoint"
    assert shopify.seen == [API] * 3


@pytest.mark.parametrize("kind", ["500", "429 without", "THROTTLED without a cost"])
def test_what_does_not_pass_is_told(shop_id: int, shopify: Shopify, kind: str) -> None:
    shopify.trouble = [BUSY[kind]() for _ in range(20)]

    with pytest.raises(ShopifyError) as error:
        name_of(shop_id)

    assert error.value.status == 503
    assert len(shopify.seen) == graphql.MAX_ATTEMPTS


def test_a_wait_that_is_too_long_is_not_waited(shop_id: int, shopify: Shopify) -> None:
    shopify.trouble = [refused(429, Retry_After="3600")]
    began = time.monotonic()

    with pytest.raises(ShopifyError):
        name_of(shop_id)

    assert time.monotonic() - began < 5
    assert shopify.seen == [API]


def test_an_empty_bucket_is_waited_for(shop_id: int, shopify: Shopify) -> None:
    bucket = shopify.bucket(capacity=400, restore_per_s=200)
    assert bucket.take(400)

    assert query(shop_id, "codes_added", {"id": GONE}) == {"discountRedeemCodeBulkCreation": None}
    assert len(shopify.seen) == 2


def test_pace_waits_as_long_as_the_bucket_needs() -> None:
    pace = CostThrottle()
    assert pace.reserve("a", "x") == 0
    full = {"maximumAvailable": 100, "currentlyAvailable": 100, "restoreRate": 10}
    cost = parse_cost({"cost": {"requestedQueryCost": 60, "throttleStatus": full}})
    assert cost is not None
    pace.record_cost("a", "x", cost)

    assert pace.reserve("a", "x") == 0
    assert 1.9 < pace.reserve("a", "x") <= 2
    assert pace.reserve("b", "x") == 0
    assert pace.reserve("a", "y") == 0


def test_shopifys_objections_are_sentences_with_codes(shop_id: int, shopify: Shopify) -> None:
    blank = {"discount": {"title": "", "code": "A"}}

    with pytest.raises(ShopifyError) as error:
        query(shop_id, "discount_create", blank)

    assert error.value.message.startswith("Shopify refused: ")
    assert "Title can't be blank." in error.value.message
    assert error.value.has("BLANK")
    assert len(shopify.seen) == 1


NO: dict[str, Callable[[], Response]] = {
    "not paid for": lambda: refused(402),
    "forbidden": lambda: refused(403),
    "nobody there": lambda: refused(404),
    "locked": lambda: refused(423),
    "a redirect": lambda: RedirectResponse("http://127.0.0.1:1/", status_code=307),
    "no JSON": lambda: Response("hello"),
    "a list": lambda: JSONResponse([]),
    "no data": lambda: JSONResponse({}),
    "data that is text": lambda: JSONResponse({"data": "x"}),
    "errors as text": lambda: JSONResponse({"errors": "Not Found"}),
    "errors of text": lambda: JSONResponse({"errors": ["x", 1, None, {"extensions": 1}]}),
    "nested beyond reason": lambda: Response("[" * 100_000),
    "half an answer": lambda: JSONResponse({"data": {"shop": {}}, "errors": [{"message": "x"}]}),
}


@pytest.mark.parametrize("kind", NO)
def test_any_other_answer_is_an_error_for_a_person(
    shop_id: int, shopify: Shopify, kind: str
) -> None:
    shopify.trouble = [NO[kind]()]

    with pytest.raises(ShopifyError) as error:
        name_of(shop_id)

    assert error.value.message.endswith(".")
    assert shopify.seen == [API]


def test_an_answer_without_end_is_left(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_RESPONSE_BYTES", 1_000)
    monkeypatch.setattr(graphql, "MAX_ATTEMPTS", 1)
    shopify.trouble = [StreamingResponse(b"x" * 100 for _ in range(1_000))]

    with pytest.raises(ShopifyError, match="too large"):
        name_of(shop_id)


def test_an_unreachable_shopify_is_a_readable_error(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_SHOPIFY_ORIGIN", "http://127.0.0.1:1")
    monkeypatch.setattr(graphql, "MAX_ATTEMPTS", 2)
    get_settings.cache_clear()

    with pytest.raises(ShopifyError, match="did not answer"):
        name_of(shop_id)


def test_no_error_tells_a_token(shop_id: int, shopify: Shopify) -> None:
    token = the_shop(shop_id).access_token or ""
    shopify.trouble = [refused(500) for _ in range(6)]

    with pytest.raises(ShopifyError) as error:
        name_of(shop_id)

    assert token not in repr(error.getrepr(showlocals=False))


GONE = "gid://shopify/DiscountRedeemCodeBulkCreation/1"
