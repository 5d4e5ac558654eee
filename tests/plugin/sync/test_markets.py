"""Markets: a shopper is shown a product's title in their language, and its price where they buy."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from plugin import clock
from plugin.jobs import Progress
from plugin.messages import render
from plugin.shopify.install.installation import install
from plugin.sync import markets as sync
from plugin.sync.products import sync_products
from plugin.templates import library
from plugin.templates.product_feeds import Catalog, with_pictures
from plugin.templates.shopper_market import ShopperMarket
from storage import erasure, markets
from storage.engine import db
from storage.events import Event
from storage.markets import MarketReading
from storage.messages import Message
from storage.profiles import Profile
from storage.shops import Shop, get_shop
from tests.plugin.shopify.box import Shopify, door, shopify, the_shop

__all__ = ["door", "shopify"]  # fixtures

DOMAIN = "dewpoint.myshopify.com"


@pytest.fixture
def shop_id(database: str, shopify: Shopify) -> int:
    """A store of which the catalog is known."""
    shop_id = install(DOMAIN, shopify.id_token())
    sync_products(shop_id)
    return shop_id


def read(shop_id: int) -> None:
    """Read the markets to the end, as the workers do when the clock says that it is time."""
    while sync.advance_market_reading(shop_id) is Progress.MORE:
        pass


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    at = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: at)


def shopper(shop_id: int, locale: str | None, country: str | None = None) -> Profile:
    now = clock.now()
    return Profile(
        shop_id=shop_id, id=5, email="maya@example.com", first_name="Maya", locale=locale,
        country=country, properties={}, created_at=now, last_active_at=now,
    )  # fmt: skip


def card(shop_id: int, locale: str | None, country: str | None = None) -> tuple[str, int, str]:
    """What a shopper sees of Cloud Cream among the recommended products."""
    catalog = Catalog(the_shop(shop_id))
    cards = catalog.of(catalog.market_of(shopper(shop_id, locale, country)))
    (found,) = (each for each in cards if each["url"].endswith("/cloud-cream"))
    return found["title"], found["price"], found["currency"]


def mail(shop_id: int, locale: str | None, country: str | None, event: Event | None = None) -> str:
    """The text of the welcome mail, or of a reminder, that a shopper gets."""
    shop, now = the_shop(shop_id), clock.now()
    with db.transaction() as session:
        ids = library.seed_templates(session, shop)
    template_id = ids[library.WELCOME if event is None else library.FIRST]
    message = Message(
        shop_id=shop_id, id=9, idempotency_key="k", profile_id=5, channel="email",
        template_id=template_id, due_at=now, created_at=now,
    )  # fmt: skip
    person = shopper(shop_id, locale, country)
    person.properties = {"skin_need": "sensitivity"}
    with db.reading() as session:
        made = render.render_message(
            session, shop, message, person, event=event, coupon_code="WELCOME-A",
            template=render.load_template(session, shop_id, template_id, None),
        )  # fmt: skip
    for words in ("Wolkencreme", "Cloud Cream"):
        assert (words in made.html) is (words in made.text)
    return made.text


def reading(shop_id: int) -> MarketReading:
    with db.reading() as session:
        found = markets.reading_of(session, shop_id)
    assert found is not None
    return found


def test_a_german_gets_wolkencreme_in_euros_and_an_american_cloud_cream_in_dollars(
    shop_id: int, shopify: Shopify
) -> None:
    read(shop_id)

    german, american = mail(shop_id, "de-DE", "DE"), mail(shop_id, "en-US", "US")

    assert "Wolkencreme" in german
    assert "€22.80" in german, "24 dollars at 0.95; the mail itself is in English"
    assert "$" not in german
    assert "Cloud Cream" in american
    assert "$24.00" in american
    assert "€" not in american


@pytest.mark.parametrize(
    ("locale", "country", "seen"),
    [
        ("de", None, ("Wolkencreme", 2400, "USD")),
        ("de-AT", None, ("Wolkencreme", 2280, "EUR")),
        ("en", "DE", ("Cloud Cream", 2280, "EUR")),
        ("en-GB", "DE", ("Cloud Cream", 2280, "EUR")),
        ("fr", "FR", ("Cloud Cream", 2400, "USD")),
        ("de", "US", ("Wolkencreme", 2400, "USD")),
        ("zh-CN", "CN", ("Cloud Cream", 2400, "USD")),
        (None, None, ("Cloud Cream", 2400, "USD")),
    ],
)
def test_language_and_country_are_looked_at_apart_and_else_the_shops_own_are_shown(
    shop_id: int, shopify: Shopify, locale: str | None, country: str | None, seen: tuple[str, int]
) -> None:
    assert card(shop_id, locale, country) == ("Cloud Cream", 2400, "USD"), "nothing is read yet"

    read(shop_id)

    assert card(shop_id, locale, country) == seen


def test_a_price_of_its_own_counts_and_of_several_sizes_the_cheapest(
    shop_id: int, shopify: Shopify
) -> None:
    cream = shopify.store.product("cloud-cream")
    for size, cents in zip(cream["variants"], (2990, 1990), strict=True):
        size["prices"] = {"DE": cents}
    shopify.store.update_product("cloud-cream", variants=cream["variants"])

    read(shop_id)

    assert card(shop_id, "de", "DE") == ("Wolkencreme", 1990, "EUR")
    assert card(shop_id, "de", "AT") == ("Wolkencreme", 2280, "EUR")


def test_what_changed_is_read_within_the_hour_and_everything_once_a_day(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(shop_id)
    asked = len(shopify.seen)
    read(shop_id)
    assert len(shopify.seen) == asked, "nothing is due"

    later(monkeypatch, timedelta(hours=1, minutes=1))
    shopify.store.update_product("cloud-cream", price=4000)
    shopify.store.set_market("Germany and Austria", rate=0.90)
    read(shop_id)
    assert card(shop_id, "de", "DE") == ("Wolkencreme", 3600, "EUR")
    other = {each["url"]: each["price"] for each in _cards(shop_id, ShopperMarket("", "DE"))}
    assert any(int(price) % 90 for price in other.values()), "the rate alone changed no product"

    later(monkeypatch, timedelta(days=1))
    read(shop_id)
    other = {each["url"]: each["price"] for each in _cards(shop_id, ShopperMarket("", "DE"))}
    assert not any(int(price) % 90 for price in other.values())


def _cards(shop_id: int, market: ShopperMarket) -> Sequence[dict[str, object]]:
    return Catalog(the_shop(shop_id)).of(market)


def test_a_changed_product_makes_its_prices_due_in_some_minutes(
    shop_id: int, shopify: Shopify
) -> None:
    read(shop_id)
    now = clock.now()
    assert reading(shop_id).due_at > now + timedelta(minutes=50)

    with db.transaction() as session:
        markets.make_due(session, shop_id, now)

    assert reading(shop_id).due_at == now + markets.SOON
    with db.reading() as session:
        assert markets.due_shops(session, now + markets.SOON) == [shop_id]


def test_a_title_that_is_taken_back_and_a_market_that_closes_are_forgotten(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(shop_id)
    shopify.store.translate_product("cloud-cream", "de", None)
    later(monkeypatch, timedelta(days=1, minutes=1))
    read(shop_id)
    assert card(shop_id, "de", "DE")[0] == "Cloud Cream"

    shopify.store.set_market("Germany and Austria", status="DRAFT")
    later(monkeypatch, timedelta(hours=1, minutes=1))
    read(shop_id)

    assert card(shop_id, "de", "DE") == ("Cloud Cream", 2400, "USD")
    with db.reading() as session:
        assert markets.prices_in(session, shop_id, "DE", [_cream(shopify)]) == {}


def _cream(shopify: Shopify) -> int:
    return int(shopify.store.product("cloud-cream")["id"])


@pytest.mark.parametrize(
    ("withheld", "seen"),
    [
        ("read_markets", ("Wolkencreme", 2400, "USD")),
        ("read_locales", ("Cloud Cream", 2280, "EUR")),
    ],
)
def test_without_a_permission_the_shops_own_are_shown_and_no_error_comes(
    shop_id: int, shopify: Shopify, withheld: str, seen: tuple[str, int, str]
) -> None:
    read(shop_id)
    kept = [scope for scope in shopify.store.app.scopes if scope != withheld]
    shopify.store.grant(kept)
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        assert shop is not None
        shop.scopes = ",".join(kept)
        session.add(shop)
        markets.save_progress(session, _held(shop), due_at=clock.now())

    read(shop_id)

    assert card(shop_id, "de", "DE") == seen
    assert reading(shop_id).error == ""


def _held(shop: Shop) -> MarketReading:
    return MarketReading(shop_id=shop.id, generation=shop.generation, due_at=clock.now())


def test_trouble_at_shopify_is_waited_out_and_reading_goes_on_from_there(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.advance_market_reading(shop_id)
    refused = JSONResponse({"errors": [{"message": "No", "extensions": {"code": "X"}}]})
    shopify.trouble = [refused]

    read(shop_id)

    held = reading(shop_id)
    assert held.error == "Shopify refused: No."
    assert held.to_read[0] == "prices:DE"
    assert held.due_at > clock.now()
    later(monkeypatch, timedelta(minutes=2))
    read(shop_id)
    assert card(shop_id, "de", "DE") == ("Wolkencreme", 2280, "EUR")
    assert reading(shop_id).error == ""


def test_countries_are_few_and_those_of_small_markets_come_first() -> None:
    world = [f"A{n}" for n in range(200)]

    chosen = sync.choose_countries([world, ["DE", "AT", "US"], ["FR"]], "US")

    assert chosen[:3] == ["FR", "DE", "AT"]
    assert len(chosen) == sync.MAX_COUNTRIES


def test_a_shop_of_one_market_and_one_language_asks_for_no_price(
    shop_id: int, shopify: Shopify
) -> None:
    shopify.store.set_market("Germany and Austria", status="DRAFT")
    shopify.store.set("locales", ["en"])
    asked = len(shopify.seen)

    read(shop_id)

    assert len(shopify.seen) == asked + 2, "its markets and its languages alone"


def test_what_was_left_in_a_checkout_has_its_title_in_the_shoppers_language_and_the_price_seen(
    shop_id: int, shopify: Shopify
) -> None:
    read(shop_id)
    shop = the_shop(shop_id)
    line = {"product_id": _cream(shopify), "price": 2500, "quantity": 1}
    lines = [line | {"title": "Cloud Cream"}, line | {"title": "Crème nuage"}]

    german = with_pictures(Catalog(shop), lines, ShopperMarket("de", "DE"))
    own = with_pictures(Catalog(shop), lines)

    assert [each["title"] for each in german] == ["Wolkencreme", "Crème nuage"]
    assert [each["price"] for each in german] == [2500, 2500]
    assert own[0]["title"] == "Cloud Cream"
    event = Event(
        shop_id=shop_id, id=0, profile_id=5, metric="Checkout Started", unique_id="c",
        occurred_at=clock.now(), currency="EUR", value=2500,
        properties={"checkout_url": "http://127.0.0.1/c", "lines": lines[:1]},
    )  # fmt: skip
    reminder = mail(shop_id, "de", "DE", event)
    assert "Wolkencreme" in reminder
    assert "€25.00" in reminder


def test_a_new_install_reads_anew_and_a_closed_shop_is_left_alone(
    shop_id: int, shopify: Shopify
) -> None:
    read(shop_id)
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        assert shop is not None
        shop.generation += 1
        session.add(shop)
    assert sync.advance_market_reading(shop_id) is Progress.MORE
    assert reading(shop_id).whole_at is None

    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        assert shop is not None
        shop.uninstalled_at = clock.now()
        session.add(shop)

    assert sync.advance_market_reading(shop_id) is Progress.DONE
    with db.reading() as session:
        assert markets.due_shops(session, clock.now() + timedelta(days=9)) == []


def test_l13_of_a_store_that_is_erased_no_title_and_no_price_is_left(
    shop_id: int, shopify: Shopify
) -> None:
    read(shop_id)

    with db.transaction() as session:
        while erasure.empty_shop(session, shop_id):
            pass

    with db.reading() as session:
        assert markets.reading_of(session, shop_id) is None
        assert markets.titles_in(session, shop_id, "de", [_cream(shopify)]) == {}
        assert markets.prices_in(session, shop_id, "DE", [_cream(shopify)]) == {}
