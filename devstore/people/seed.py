"""Fill the shop with a history of so many customers and orders, without webhooks.

The same numbers and the same seed give the same shop, but for moments: the newest order is fresh.
"""

import argparse
import random
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devstore.sales.amounts import line_total, paid
from devstore.shop.checkouts import FREE_FROM, NOTHING_YET, SHIPPING, spread
from devstore.shop.database import Document, dumps
from devstore.shop.store import Store

FIRST = ("Mina", "Leo", "Aiko", "Noor", "Ines", "Hugo", "Mei", "Omar", "Ida", "Tom", "Lin", "Eva")
LAST = ("Okafor", "Brandt", "Sato", "Haddad", "Costa", "Weber", "Zhang", "Silva", "Moreau", "Reed")
PLACES = (
    ("Portland", "Oregon", "OR", "United States", "US", "en-US"),
    ("Toronto", "Ontario", "ON", "Canada", "CA", "en-CA"),
    ("Leeds", "England", "ENG", "United Kingdom", "GB", "en-GB"),
    ("Hamburg", "", "", "Germany", "DE", "de"),
    ("Lyon", "", "", "France", "FR", "fr"),
    ("Shanghai", "Shanghai", "SH", "China", "CN", "zh-CN"),
)
PAST = timedelta(days=540)
AT_A_TIME = 5_000


class Seed:
    """Fills one shop."""

    def __init__(self, store: Store, seed: int = 7) -> None:
        self._store, self._random = store, random.Random(seed)
        self._now = store.now()
        self._goods = [
            (store.line(variant["id"], 1))
            for product in store.for_sale()
            for variant in product["variants"]
        ]

    def fill(self, customers: int, orders: int, checkouts: int) -> None:
        """Add so many of each; people without an order are the last ones."""
        base = int(self._store.setting("seeded", 0))
        buyers = max(1, customers * 4 // 5)
        sold = (self._order_row(base + at % buyers, base + at, at / orders) for at in range(orders))
        left = (
            self._checkout_row(base + at * 7 % max(1, customers), base + at)
            for at in range(checkouts)
        )
        known = (self._customer_row(base + at) for at in range(customers))
        self._insert("insert into customer values (?, ?, ?, ?)", known)
        self._insert("insert into orders values (?, ?, ?, ?)", sold)
        self._insert("insert into checkout values (?, ?, ?, ?, ?)", left)
        self._store.set("seeded", base + max(customers, orders, checkouts))

    def _insert(self, sql: str, rows: Iterator[tuple[Any, ...]]) -> None:
        """Write rows, some thousands in memory at a time."""
        while batch := [row for _, row in zip(range(AT_A_TIME), rows, strict=False)]:
            with self._store.transaction() as db:
                db.executemany(sql, batch)

    def _customer_row(self, number: int) -> tuple[Any, ...]:
        pick = random.Random(number)
        made = self._now - PAST * pick.random()
        row = self.person(number) | {
            "account": pick.random() < 0.3,
            "created_at": made.isoformat(),
            "updated_at": (made + timedelta(days=pick.random())).isoformat(),
            "email_consent": self._consent(pick, made),
            "sms_consent": self._consent(pick, made) | {"collected_from": "shopify"},
        }
        return row["id"], row["email"], row["phone"], dumps(row)

    def person(self, number: int) -> Document:
        """Who a customer is; drawn from the number alone."""
        pick = random.Random(f"person {number}")
        city, province, code, country, short, locale = pick.choice(PLACES)
        name = {"first_name": pick.choice(FIRST), "last_name": pick.choice(LAST)}
        return {
            "id": 71_000_000_000_000 + number * 13,
            "email": f"shopper{number}@seed.example",
            "phone": f"+1503555{number:04}" if number < 10_000 and number % 3 == 0 else None,
            **name,
            "tags": ["vip"] if pick.random() < 0.05 else [],
            "locale": locale,
            "address": {
                **name,
                "name": f"{name['first_name']} {name['last_name']}",
                "company": None,
                "address1": f"{pick.randint(1, 400)} Mill Lane",
                "address2": None,
                "city": city,
                "province": province,
                "province_code": code,
                "country": country,
                "country_code": short,
                "zip": f"{pick.randint(10_000, 99_999)}",
                "phone": None,
            },
        }

    def _consent(self, pick: random.Random, made: datetime) -> Document:
        state = pick.choices(("subscribed", "not_subscribed", "unsubscribed"), (5, 4, 1))[0]
        if state == "not_subscribed":
            return {"state": state, "opt_in_level": None, "updated_at": None}
        at = (made + timedelta(hours=pick.randint(0, 200))).isoformat()
        return {"state": state, "opt_in_level": "single_opt_in", "updated_at": at}

    def _sale(self, person: Document, number: int, at: datetime) -> Document:
        """What a checkout and an order have in common."""
        pick = random.Random(f"sale {number}")
        lines = [dict(line) for line in pick.sample(self._goods, k=pick.choice((1, 1, 2, 3)))]
        for line in lines:
            line["quantity"] = pick.choice((1, 1, 1, 2))
        whole = sum(line["price"] * line["quantity"] for line in lines)
        code = "SEED15" if pick.random() < 0.15 else None
        off = whole * 15 // 100 if code else 0
        spread(lines, off)
        return {
            "cart_token": f"hWN{uuid.UUID(int=pick.getrandbits(128)).hex}",
            "lines": lines,
            "email": person["email"],
            "phone": None,
            "accepts_marketing": False,
            "address": person["address"],
            "subtotal": whole,
            "reduction": off,
            "shipping": 0 if whole - off >= FREE_FROM else SHIPPING,
            "code": code,
            "code_type": "percentage" if code else "",
            "code_value": "15.0" if code else "",
            "browser_ip": None,
            "user_agent": None,
            "landing_site": None,
            "referring_site": None,
            "client_id": None,
            "locale": person["locale"],
            "created_at": at.isoformat(),
            "updated_at": (at + timedelta(minutes=pick.randint(0, 500))).isoformat(),
        }

    def _order_row(self, who: int, number: int, share: float) -> tuple[Any, ...]:
        person = self.person(who)
        sale = self._sale(person, number, self._now - PAST * (1 - share) - timedelta(hours=10))
        cancelled = number % 50 == 49
        row = sale | {
            "id": 51_000_000_000_000 + number * 371,
            "token": uuid.uuid5(uuid.NAMESPACE_OID, f"order {number}").hex,
            "order_number": 100_000 + number,
            "checkout_token": uuid.uuid5(uuid.NAMESPACE_OID, f"checkout {number}").hex,
            "customer_id": person["id"],
            "cancelled_at": sale["updated_at"] if cancelled else None,
            "cancel_reason": "customer" if cancelled else None,
            "financial_status": "refunded" if cancelled else "paid",
            "fulfillment_status": None if cancelled else "fulfilled",
            "test": number % 50 == 29,
        }
        if happened := CHANGES.get(number % 50):
            row |= happened(self, row)
        return row["id"], row["token"], row["customer_id"], dumps(row)

    def _edited(self, row: Document) -> Document:
        """One of the first line taken out, and something else put in."""
        first, *rest = row["lines"]
        other = next(good for good in self._goods if good["variant_id"] != first["variant_id"])
        return {"lines": [first | {"removed": 1}, *rest, other | {"quantity": 1, "added": 1}]}

    def _refunded(self, row: Document) -> Document:
        """All of it given back."""
        lines = [line | {"refunded": line["quantity"]} for line in row["lines"]]
        back = {
            "id": row["id"] + 9_000_000_000,
            "created_at": row["updated_at"],
            "lines": [
                {"place": place, "quantity": line["quantity"], "cents": line_total(line, quantity)}
                for place, line in enumerate(row["lines"])
                if (quantity := line["quantity"])
            ],
            "shipping": row["shipping"],
            "cents": paid(row),
            "status": "success",
            "return_id": None,
        }
        about = {"refunded_shipping": row["shipping"], "financial_status": "refunded"}
        return {"lines": lines, "refunds": [back], **about}

    def _partly_sent(self, row: Document) -> Document:
        """One thing on its way in two parcels, the others still here."""
        first, *rest = row["lines"]
        parcels = {
            "id": row["id"] + 9_500_000_000,
            "number": 1,
            "lines": [[0, 1]],
            "numbers": [f"{row['id']}A", f"{row['id']}B"],
            "status": "success",
            "created_at": row["updated_at"],
            "updated_at": row["updated_at"],
        }
        whole = first["quantity"] == 1 and not rest
        return {
            "lines": [first | {"fulfilled": 1}, *rest],
            "fulfillments": [parcels],
            "fulfillment_status": "fulfilled" if whole else "partial",
        }

    def _checkout_row(self, who: int, number: int) -> tuple[Any, ...]:
        pick = random.Random(f"left {number}")
        at = self._now - timedelta(days=1 + 80 * pick.random())
        sale = NOTHING_YET | self._sale(self.person(who), -1 - number, at)
        token = uuid.uuid5(uuid.NAMESPACE_OID, f"left {number}").hex
        row = sale | {
            "token": token,
            "number": 36_000_000_000_000 + number * 17,
            "announced": True,
            "accepts_sms": False,
            "refused": None,
        }
        return token, row["cart_token"], None, row["updated_at"], dumps(row)


# What became of every fiftieth order, beside those that are cancelled or a test.
CHANGES: dict[int, Callable[[Seed, Document], Document]] = {
    9: Seed._edited,
    19: Seed._refunded,
    39: Seed._partly_sent,
}


def main(words: Sequence[str]) -> None:
    """`regulars devstore seed`: fill the shop in a folder, made when it is not there."""
    parser = argparse.ArgumentParser(
        "devstore seed",
        description="Give the shop a past.",
        epilog="`regulars devstore seed --shop DOMAIN --help` tells of filling a shop of Regulars.",
    )
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--orders", type=int, default=3_000)
    parser.add_argument("--checkouts", type=int, help="left behind; a twentieth of the orders")
    parser.add_argument("--data", default="var/devstore", help="where the shop is kept")
    parser.add_argument("--domain", default="dewpoint.myshopify.com")
    said = parser.parse_args(words)
    folder = Path(said.data)
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "store.db", domain=said.domain)
    left = said.orders // 20 if said.checkouts is None else said.checkouts
    Seed(store).fill(said.customers, said.orders, left)
    store.close()
    sys.stdout.write(f"{said.customers} customers, {said.orders} orders, {left} checkouts left\n")
