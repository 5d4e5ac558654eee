"""Shoppers in a dev store in memory: what its webhooks say of many journeys, to deliver at will."""

import random
from datetime import UTC, datetime, timedelta

from devstore.shop.app import App
from devstore.shop.outbox import Request
from devstore.shop.store import Store
from plugin.manifest import PATH

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


class Story:
    """A store with a clock that we move, and the journeys of its shoppers."""

    def __init__(self, seed: int = 7) -> None:
        self.at = START
        app = App.from_manifest(
            PATH,
            client_id="test-client-id",
            client_secret="a client secret of 32 bytes for tests",
            url="http://app",
        )
        self.store = Store(app=app, now=lambda: self.at)
        self.store.install()
        self.random = random.Random(seed)

    def wait(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)

    def deliveries(self) -> list[Request]:
        """Return every webhook of the store so far, in order."""
        return self.store.deliveries()

    def journey(self, number: int) -> None:
        """One shopper: some only fill a cart, some leave the checkout, some buy, some buy twice."""
        store, kind = self.store, self.random
        email = f"shopper{number}@example.com"
        if kind.random() < 0.3:
            store.register_customer(email, first_name=f"Name{number}", last_name="Shopper")
        if kind.random() < 0.3:
            store.subscribe_newsletter(email)
        for _ in range(kind.choice((1, 1, 2))):
            self.wait(seconds=kind.randint(1, 90))
            cart = self._fill_cart()
            if kind.random() < 0.2:
                return
            self.wait(seconds=kind.randint(1, 90))
            checkout = store.start_checkout(cart, kind.choice((email, None)))
            self.wait(seconds=kind.randint(1, 90))
            address = {
                "first_name": f"Name{number}",
                "last_name": "Shopper",
                "address1": "1 Road",
                "city": "Town",
                "zip": "10001",
                "country": "United States",
                "country_code": "US",
                "province": "New York",
                "province_code": "NY",
                "address2": "",
                "phone": "",
            }
            store.update_checkout(checkout["token"], email=email, address=address)
            if kind.random() < 0.4:
                return
            self.wait(seconds=kind.randint(1, 90))
            order = store.complete_checkout(checkout["token"])
            if kind.random() < 0.1:
                self.wait(minutes=5)
                store.cancel_order(order["id"])
        if kind.random() < 0.2:
            self.wait(minutes=1)
            store.set_consent(email, email_state="unsubscribed")

    def _fill_cart(self) -> str:
        products = self.store.for_sale()
        cart = None
        for product in self.random.sample(products, k=self.random.randint(1, 3)):
            variant = self.random.choice(product["variants"])
            if variant["stock"] < 3:  # thousands of shoppers buy a shop empty
                self.store.update_product(product["id"], stock=100)
            cart = self.store.add_to_cart(cart and cart["token"], variant["id"])
        assert cart
        return str(cart["token"])
