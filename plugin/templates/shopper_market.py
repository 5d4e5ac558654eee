"""What products are called and cost for one shopper: in their language, and in their country."""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from sqlmodel import Session

from plugin.texts import nearest_locale
from storage import markets
from storage.markets import MarketPrice, MarketReading


class ShopperMarket(NamedTuple):
    """The language and the country that a shopper is shown; "" is the shop's own."""

    locale: str = ""
    country: str = ""


HOME = ShopperMarket()


class HasMarket(Protocol):
    """What of a shopper tells their market."""

    @property
    def locale(self) -> str | None:
        """Their language, BCP 47."""

    @property
    def country(self) -> str | None:
        """Their country, ISO 3166-1 alpha-2."""


def choose_market(reading: MarketReading | None, profile: HasMarket) -> ShopperMarket:
    """Return a shopper's language and country, as far as the shop has them; a language may tell the
    country, as `de-AT` does.
    """
    if reading is None:
        return HOME
    locale = profile.locale or ""
    region = locale.replace("_", "-").rpartition("-")[2] if len(locale) > 3 else ""
    country = (profile.country or (region if len(region) == 2 else "")).upper()
    nearest = nearest_locale(locale, reading.locales) if locale else None
    return ShopperMarket(
        "" if nearest is None or nearest == reading.locales[0] else nearest,
        country if country in reading.countries else "",
    )


def titles_for(
    session: Session, shop_id: int, market: ShopperMarket, product_ids: Collection[int]
) -> dict[int, str]:
    """Return what products are called in a market's language, where that is not the shop's first
    one, by id.
    """
    if not market.locale or not product_ids:
        return {}
    return markets.titles_in(session, shop_id, market.locale, product_ids)


def prices_for(
    session: Session, shop_id: int, market: ShopperMarket, product_ids: Collection[int]
) -> dict[int, MarketPrice]:
    """Return what products cost in a market's country, where that is known, by id."""
    if not market.country or not product_ids:
        return {}
    return markets.prices_in(session, shop_id, market.country, product_ids)
