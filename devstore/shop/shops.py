"""Find the store of a request by its Host header."""

from starlette.requests import HTTPConnection

from devstore.shop.store import Store


class NoShopError(Exception):
    """A myshopify.com domain without a shop."""


def shop_of(request: HTTPConnection) -> Store:
    """The shop with the Host's domain; 127.0.0.1 and the like are the first shop."""
    stores: dict[str, Store] = request.app.state.stores
    host = request.headers.get("host", "").rsplit(":", 1)[0].lower()
    if host in stores:
        return stores[host]
    if host.endswith(".myshopify.com"):
        raise NoShopError(host)
    return next(iter(stores.values()))
