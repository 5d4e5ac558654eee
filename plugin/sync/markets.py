"""Markets: read every hour what products cost in other countries and are called in other languages.

What changed within the hour is read, and once a day everything: exchange rates, taxes and
translations change no product. Mails show it to shoppers who buy there; of what is not known they
show the shop's own. Countries and languages are those of the shop's open markets, up to a limit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.jobs import Progress, SliceJob
from plugin.shopify.api import markets as api
from plugin.shopify.install.scopes import is_allowed
from storage import markets, shops
from storage.engine import db
from storage.markets import MarketPart, MarketReading, ProductTitleRow, VariantPriceRow
from storage.shops import Shop

EVERY, WHOLE_EVERY = timedelta(hours=1), timedelta(days=1)
OVERLAP = timedelta(minutes=10)  # clocks differ, and Shopify's search lags
FIRST_REST, LONGEST_REST = timedelta(minutes=1), timedelta(hours=6)
# A shop of 10,000 variants has a country read in seven minutes, by a third of its points.
MAX_COUNTRIES, MAX_LOCALES = 30, 20
COUNTRIES_SCOPES = ("read_markets", "read_products")
LOCALES_SCOPES = ("read_locales", "read_products")

log = structlog.get_logger()


def advance_market_reading(shop_id: int) -> Progress:
    """Begin to read a shop's markets, if they are due; else read the next page, or end it."""
    now = clock.now()
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        if shop is None or shop.uninstalled_at is not None:
            return Progress.DONE
        held = markets.begin_reading(session, shop, now)
    if held.due_at > now:
        return Progress.DONE
    try:
        _open(shop, held, now) if held.until is None else _read(shop, held)
    except RegularsError as error:
        _rest(held, error.message)
        return Progress.DONE
    return Progress.MORE


# Every other slice waits for the clock: other work needs Shopify's points, too.
SLICE_JOB = SliceJob(
    "markets", advance_market_reading, markets.due_shops, priority=5, enqueues_rest=False
)


def _open(shop: Shop, held: MarketReading, now: datetime) -> None:
    """Decide what is read. What the merchant has not allowed is left out, and deleted."""
    may_price = is_allowed(shop, *COUNTRIES_SCOPES)
    may_name = is_allowed(shop, *LOCALES_SCOPES)
    countries = choose_countries(api.read_markets(shop.id), shop.country) if may_price else []
    locales = api.read_locales(shop.id)[: MAX_LOCALES + 1] if may_name else []
    lacking = [
        scope
        for scope in dict.fromkeys((*COUNTRIES_SCOPES, *LOCALES_SCOPES))
        if not is_allowed(shop, scope)
    ]
    if lacking:
        log.warning("markets.left_out", shop=shop.id, scopes=lacking)
    fresh = (countries, locales) != (held.countries, held.locales)
    whole = fresh or held.whole_at is None or now - held.whole_at >= WHOLE_EVERY
    with db.transaction() as session:
        if whole:
            markets.delete_others(session, shop.id, countries, locales[1:])
        markets.save_progress(
            session, held, countries=countries, locales=locales, until=now, whole=whole, cursor="",
            to_read=[
                *(f"{MarketPart.PRICES}:{country}" for country in countries),
                *(f"{MarketPart.TITLES}:{locale}" for locale in locales[1:]),
            ],
            attempts=0, error="",
        )  # fmt: skip


def choose_countries(open_markets: Sequence[Sequence[str]], home: str) -> list[str]:
    """Return the countries that prices are read of: those of small markets first, since a market of
    all the world has few shoppers in each; without the shop's own, where its prices are.
    """
    found = dict.fromkeys(
        country for market in sorted(open_markets, key=len) for country in market if country != home
    )
    return list(found)[:MAX_COUNTRIES]


def _read(shop: Shop, held: MarketReading) -> None:
    if not held.to_read:
        _close(held)
        return
    part, _, name = held.to_read[0].partition(":")
    since = None if held.whole or held.since is None else held.since - OVERLAP
    read = _read_prices if part == MarketPart.PRICES else _read_titles
    read(shop.id, held, name, since)


def _read_prices(shop_id: int, held: MarketReading, country: str, since: datetime | None) -> None:
    now = clock.now()
    page = api.read_prices(shop_id, country, since, held.cursor)
    rows: list[VariantPriceRow] = [
        {
            "shop_id": shop_id, "country": country, "product_id": each.product_id,
            "variant_id": each.variant_id, "price": each.price, "currency": each.currency,
            "read_at": now,
        }
        for each in page.prices
    ]  # fmt: skip
    with db.transaction() as session:
        markets.save_prices(session, rows)
        _move(session, held, page.cursor)


def _read_titles(shop_id: int, held: MarketReading, locale: str, since: datetime | None) -> None:
    now = clock.now()
    page = api.read_titles(shop_id, locale, since, held.cursor)
    rows: list[ProductTitleRow] = [
        {"shop_id": shop_id, "locale": locale, "product_id": key, "title": title, "read_at": now}
        for key, title in page.titles.items()
        if title
    ]
    with db.transaction() as session:
        markets.save_titles(session, shop_id, locale, rows, among=page.titles)
        _move(session, held, page.cursor)


def _move(session: Session, held: MarketReading, cursor: str) -> None:
    left = held.to_read if cursor else held.to_read[1:]
    markets.save_progress(session, held, cursor=cursor, to_read=left, attempts=0, error="")


def _close(held: MarketReading) -> None:
    """End a reading; one of everything tells what is gone."""
    assert held.until is not None
    with db.transaction() as session:
        if held.whole:
            markets.delete_unread(session, held.shop_id, held.until)
        markets.save_progress(
            session, held, since=held.until, until=None, due_at=clock.now() + EVERY,
            whole_at=held.until if held.whole else held.whole_at,
        )  # fmt: skip
    log.info("markets.read", shop=held.shop_id, whole=held.whole)


def _rest(held: MarketReading, error: str) -> None:
    """Wait, as Shopify or the way to it is in trouble; then it is read on from here."""
    pause = min(LONGEST_REST, FIRST_REST * (1 << min(held.attempts, 20)))
    log.warning("markets.waits", shop=held.shop_id, attempts=held.attempts + 1)
    with db.transaction() as session:
        markets.save_progress(
            session, held, attempts=held.attempts + 1, due_at=clock.now() + pause, error=error
        )
