"""Markets: where the shop sells, at which prices, and what its goods are called there."""

from typing import Any

from devstore.goods.collections import Collections
from devstore.shop import catalog
from devstore.shop.database import Document
from devstore.shop.products import ShopError


class Markets(Collections):
    """What the goods are called and cost in other countries."""

    def markets(self) -> list[Document]:
        """All markets, in the order they were opened."""
        found: list[Document] = self.setting("markets", catalog.markets())
        return [{"id": at, "status": "ACTIVE", **each} for at, each in enumerate(found, 1)]

    def set_market(self, name: str, **said: Any) -> None:
        """Open a market, or change one: `countries=`, `currency=`, `rate=`, `status=`."""
        with self.transaction():
            kept = {each["name"]: each for each in self.setting("markets", catalog.markets())}
            kept[name] = {**kept.get(name, {"rate": 1.0}), "name": name, **said}
            self.set("markets", list(kept.values()))

    def locales(self) -> list[str]:
        """The languages that the storefront speaks, its first one before all."""
        found: list[str] = self.setting("locales", catalog.locales())
        return found

    def translate_product(self, handle: str, locale: str, title: str | None) -> None:
        """Give a product a title in a language, or take it away. No webhook tells it."""
        with self.transaction():
            kept = self.product(handle)
            if kept is None:
                raise ShopError("This product does not exist.", 404)
            titles = {**kept.get("titles", {}), locale: title}
            kept["titles"] = {each: text for each, text in titles.items() if text}
            self._keep_product(kept)

    def price_in(self, variant: Document, country: str | None) -> tuple[int, str]:
        """What a size costs in a country: its own price there, else the converted one."""
        for market in self.markets():
            if country in market["countries"] and market["status"] == "ACTIVE":
                own = variant.get("prices", {}).get(country)
                cents = round(variant["price"] * market["rate"]) if own is None else own
                return cents, market["currency"]
        return variant["price"], self.currency
