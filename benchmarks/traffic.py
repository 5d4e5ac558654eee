"""Sign webhooks of many shoppers of some stores.

Each shopper fills a cart, begins a checkout, enters their contact details, orders, and their
customer changes. Five deliveries a visit, of 0.7 to 7.2 KB; no two shoppers and no two visits are
the same.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import delivery
from benchmarks.delivery import DOMAIN, Request

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEPS = ("carts/create", "checkouts/create", "checkouts/update", "orders/create",
         "customers/update")  # fmt: skip
TOGETHER = 50  # shoppers who are in the store at a time, and take each step one after the other


@dataclass(frozen=True)
class Traffic:
    """`people` shoppers, who come again once all of them have been there; `first` numbers them.

    The stores take turns: shopper by shopper.
    """

    secret: str
    domains: tuple[str, ...] = (DOMAIN,)
    people: int = 4_000
    first: int = 0

    def requests(self, count: int) -> Iterator[Request]:
        """The first `count` deliveries, in the order in which they happen."""
        for number in range(count):
            block, place = divmod(number, TOGETHER * len(STEPS))
            step, her = divmod(place, TOGETHER)
            visit, person = divmod(block * TOGETHER + her, self.people)
            at = BEGAN + timedelta(seconds=number)
            body = json.dumps(_tell(STEPS[step], self.first + person, visit, at)).encode()
            domain = self.domains[person % len(self.domains)]
            yield delivery.sign(self.secret, STEPS[step], body, domain=domain, at=at)


def orders_in(count: int) -> int:
    """How many orders there are among the first `count` deliveries of a `Traffic`."""
    blocks, rest = divmod(count, TOGETHER * len(STEPS))
    before = TOGETHER * STEPS.index("orders/create")
    return blocks * TOGETHER + max(0, min(TOGETHER, rest - before))


def email(person: int) -> str:
    """A shopper's address."""
    return f"shopper-{person}@example.com"


def order_id(person: int, visit: int) -> int:
    """The id of what a shopper orders at a visit."""
    return 6_100_000_000_000 + person * 1_000 + visit


def _tell(topic: str, person: int, visit: int, at: datetime) -> dict[str, Any]:
    token = f"{person:x}-{visit:x}"
    said: dict[str, Any] = {"created_at": at.isoformat(), "updated_at": at.isoformat()}
    line = {"id": 1, "product_id": 9_000_000_000_000, "variant_id": 47_000_000_000_000,
            "title": "Rain serum", "quantity": 1, "price": "49.00"}  # fmt: skip
    if topic == "carts/create":
        return said | {"id": f"cart-{token}", "token": f"cart-{token}", "line_items": [line]}
    if topic.startswith("checkouts/"):
        known = {"email": email(person)} if topic == "checkouts/update" else {}
        return said | known | {
            "id": order_id(person, visit), "token": f"checkout-{token}", "currency": "USD",
            "cart_token": f"cart-{token}", "total_price": "49.00", "line_items": [line],
            "abandoned_checkout_url": f"https://{DOMAIN}/checkouts/{token}",
        }  # fmt: skip
    her = {
        "id": 7_100_000_000_000 + person, "email": email(person), "first_name": "Mina",
        "last_name": f"Okafor {person}", "updated_at": at.isoformat(),
    }  # fmt: skip
    if topic == "customers/update":
        return said | her
    order: dict[str, Any] = json.loads(delivery.order())
    return order | said | {
        "id": order_id(person, visit), "name": f"#{person}-{visit}", "email": email(person),
        "customer": her, "checkout_token": f"checkout-{token}", "cart_token": f"cart-{token}",
    }  # fmt: skip
