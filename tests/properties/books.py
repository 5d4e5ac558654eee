"""A store's year in raw payloads, with all that becomes of orders, and a recount of it.

The recount reads the payloads alone and shares no code with what it checks: of each order the
newest telling counts, as a bookkeeper would count it by hand.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

START = datetime(2026, 3, 1, tzinfo=UTC)
DIGITS = {"USD": 2, "JPY": 0, "KWD": 3, "EUR": 2}
RATES = {"USD": Decimal(1), "JPY": Decimal(150), "KWD": Decimal("0.31"), "EUR": Decimal("0.9")}
WINDOW = timedelta(days=5)
ACTS = ("pay", "tag", "add", "more", "less", "refund", "refund", "refuse", "ship", "cancel")
Total = tuple[int, int]


@dataclass
class Told:
    """One webhook: its topic, when it was sent, and what it says."""

    topic: str
    sent_at: datetime
    payload: dict[str, Any]


@dataclass
class Made:
    """An order as its store has it while things happen to it; amounts in minor units."""

    base: dict[str, Any]
    lines: list[dict[str, Any]]
    shipping: int
    tip: int
    at: datetime
    total: int = 0
    cancelled_at: datetime | None = None
    refunds: int = 0
    tellings: int = 0
    tags: list[str] = field(default_factory=list)

    def left(self) -> int:
        """What it is worth now."""
        if self.cancelled_at:
            return 0
        goods = sum(line["price"] * line["left"] for line in self.lines)
        return goods + self.shipping + self.tip


class Books:
    """Orders of one store in one currency, and what its shoppers clicked and were given."""

    def __init__(self, seed: int, orders: int, currency: str = "USD") -> None:
        self.currency, self.random = currency, random.Random(seed)
        self.buyers = {101 + n: f"buyer{n}@example.com" for n in range(max(3, orders // 4))}
        self.clicks: list[tuple[int, int, datetime]] = []  # (message, customer, when)
        self.codes: dict[str, int] = {}  # as we keep a code: the message that gave it
        self.told: list[Told] = []
        self._next_id = 10_000
        for customer in self.buyers:
            for _ in range(self.random.choice((0, 0, 1, 2, 4))):
                self.clicks.append((len(self.clicks), customer, self._moment()))
        for number in range(orders):
            self._live(number)

    def deliveries(self) -> Iterator[tuple[str, str, bytes]]:
        """Each webhook as (topic, when it was sent, body), as it happened."""
        for each in self.told:
            yield each.topic, each.sent_at.isoformat(), json.dumps(each.payload).encode()

    def customers(self) -> Iterator[tuple[str, str, bytes]]:
        """The webhooks that make the buyers known."""
        for customer, email in self.buyers.items():
            payload = {"id": customer, "email": email, "updated_at": START.isoformat()}
            yield "customers/create", START.isoformat(), json.dumps(payload).encode()

    def _moment(self) -> datetime:
        return START + timedelta(seconds=self.random.randrange(250 * 86_400))

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _live(self, number: int) -> None:
        """Let an order be placed, and let things happen to it."""
        pick, at = self.random, self._moment()
        customer = pick.choice(list(self.buyers)) if pick.random() < 0.95 else None
        imported = pick.random() < 0.04
        code = f"DEW-{number:05}K" if customer and pick.random() < 0.15 else None
        if code:
            self.codes[code] = 1_000_000 + number
        typed = pick.choice((str.lower, str.upper, str.title))(code) if code else None
        made = Made(
            base={
                "id": 1_000_000 + number,
                "name": f"#{number}",
                "created_at": at.isoformat(),
                "processed_at": (at - timedelta(days=400) if imported else at).isoformat(),
                "currency": self.currency,
                "seen_in": pick.choice(list(RATES)),
                "test": pick.random() < 0.03,
                "source_name": pick.choices(
                    ("web", "pos", "shopify_draft_order", "subscription_contract_checkout_one"),
                    (80, 8, 4, 8),
                )[0],
                "discount_codes": [{"code": typed}] if typed else [],
                "customer": {"id": customer, "email": self.buyers[customer]} if customer else None,
                "email": self.buyers[customer] if customer else None,
                "plain": pick.random() < 0.03,
            },
            lines=[self._line() for _ in range(pick.choice((1, 1, 2, 3)))],
            shipping=pick.choice((0, 595, 1000)),
            tip=pick.choice((0, 0, 0, 200)),
            at=at,
        )
        made.total = made.left()
        self._tell(made, "orders/create")
        for act in pick.choices(ACTS, k=pick.choice((0, 1, 1, 2, 3))):
            made.at += timedelta(seconds=pick.choice((0, 1, 3_600, 90_000)))
            self._act(made, act)
        if pick.random() < 0.02:
            gone = made.at + timedelta(days=1)
            self.told.append(Told("orders/delete", gone, {"id": made.base["id"]}))

    def _line(self) -> dict[str, Any]:
        count = self.random.choice((1, 1, 2, 3))
        price = self.random.randrange(1, 20_000)
        return {"id": self._id(), "price": price, "ordered": count, "left": count}

    def _act(self, made: Made, act: str) -> None:
        line = self.random.choice(made.lines)
        topic = "orders/updated"
        if act == "tag":
            made.tags.append(f"tag {len(made.tags)}")
        elif act == "add" and not made.cancelled_at:
            made.lines.insert(self.random.randrange(len(made.lines) + 1), self._line())
        elif act == "more" and not made.cancelled_at:
            line["ordered"] += 1
            line["left"] += 1
        elif act == "less" and line["left"]:
            line["left"] -= 1
        elif act == "refund" and not made.cancelled_at:
            self._refund(made, line)
        elif act == "refuse":
            self._tell_refund(made, made.left(), "failure")
        elif act == "cancel":
            made.cancelled_at = made.cancelled_at or made.at
            topic = "orders/cancelled"
        elif act == "ship":
            topic = "orders/fulfilled"
        self._tell(made, topic)

    def _refund(self, made: Made, line: dict[str, Any]) -> None:
        """Give something back: a line, the shipping, or all of it."""
        before, what = made.left(), self.random.choice(("line", "shipping", "all"))
        if what == "line":
            line["left"] = 0
        if what != "line":
            made.shipping = 0
        if what == "all":
            made.tip = 0
            for each in made.lines:
                each["left"] = 0
        self._tell_refund(made, before - made.left(), self.random.choice(("success", "pending")))

    def _tell_refund(self, made: Made, back: int, status: str) -> None:
        made.refunds += 1
        seen = made.base["seen_in"]
        paid = {"kind": "refund", "status": status, "currency": seen, "test": made.base["test"]}
        bags = {"amount_set": self._bag(-back, seen)}
        self.told.append(
            Told(
                "refunds/create",
                made.at,
                {
                    "id": made.base["id"] * 100 + made.refunds,
                    "order_id": made.base["id"],
                    "created_at": made.at.isoformat(),
                    "order_adjustments": [{"kind": "refund_discrepancy", **bags}],
                    "transactions": [paid | {"amount": self._amount(self._seen(back, seen), seen)}],
                },
            )
        )

    def _tell(self, made: Made, topic: str) -> None:
        # Several may be of one second, as Shopify writes it: they differ in when they were sent.
        made.tellings += 1
        seen, sent = made.base["seen_in"], made.at + timedelta(milliseconds=made.tellings)
        payload = {
            **made.base,
            "updated_at": made.at.isoformat(),
            "cancelled_at": made.cancelled_at.isoformat() if made.cancelled_at else None,
            "total_price": self._amount(made.total, self.currency),
            "total_price_set": self._bag(made.total, seen),
            "current_total_price": self._amount(made.left(), self.currency),
            "current_total_price_set": self._bag(made.left(), seen),
            "total_tip_received": self._amount(made.tip, self.currency),
            "tags": ", ".join(made.tags),
            "line_items": [
                {
                    "id": line["id"],
                    "product_id": line["id"] * 10,
                    "title": f"Thing {line['id']}",
                    "quantity": line["ordered"],
                    "current_quantity": 0 if made.cancelled_at else line["left"],
                    "price": self._amount(line["price"], self.currency),
                    "price_set": self._bag(line["price"], seen),
                }
                for line in made.lines
            ],
        }
        if made.tip:
            tip = {"id": made.base["id"] * 10, "title": "Trinkgeld", "quantity": 1}
            price = self._amount(made.tip, self.currency)
            payload["line_items"].append(tip | {"price": price, "product_id": None})
        if made.base["plain"]:  # as of before there was anything like a current price
            for name in ("current_total_price", "current_total_price_set", "total_price_set"):
                del payload[name]
        self.told.append(Told(topic, sent, payload))

    def _seen(self, amount: int, code: str) -> int:
        own = Decimal(amount).scaleb(-DIGITS[self.currency]) / RATES[self.currency]
        return int((own * RATES[code]).scaleb(DIGITS[code]).to_integral_value())

    def _bag(self, amount: int, seen: str) -> dict[str, Any]:
        shop = {"amount": self._amount(amount, self.currency), "currency_code": self.currency}
        other = self._amount(self._seen(amount, seen), seen)
        return {"shop_money": shop, "presentment_money": {"amount": other, "currency_code": seen}}

    def _amount(self, amount: int, code: str) -> str:
        return f"{Decimal(amount).scaleb(-DIGITS[code]):.{DIGITS[code]}f}"


class Recount:
    """What a store's payloads come to, counted by hand."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.clicks: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
        for message, customer, at in books.clicks:
            self.clicks[customer].append((at, message))
        newest: dict[int, tuple[tuple[str, datetime], dict[str, Any]]] = {}
        gone: set[int] = set()
        for each in books.told:
            said = each.payload
            if each.topic == "orders/delete":
                gone.add(said["id"])
            elif each.topic.startswith("orders/"):
                version = (said["updated_at"], each.sent_at)
                if said["id"] not in newest or newest[said["id"]][0] <= version:
                    newest[said["id"]] = (version, said)
        self.named = {number for number, (_, said) in newest.items() if said["customer"]}
        self.counted = [
            said
            for _, said in newest.values()
            if not said["test"] and not said["cancelled_at"] and said["id"] not in gone
        ]

    def worth(self, said: dict[str, Any]) -> int:
        """What is left of an order, in minor units of the store's money."""
        amount = Decimal(said.get("current_total_price", said["total_price"]))
        return int(amount.scaleb(DIGITS[self.books.currency]))

    def sold_by_day(self) -> dict[str, Total]:
        """Orders and revenue of each day."""
        days: dict[str, Total] = defaultdict(lambda: (0, 0))
        for said in self.counted:
            count, total = days[said["processed_at"][:10]]
            days[said["processed_at"][:10]] = (count + 1, total + self.worth(said))
        return dict(days)

    def bought(self) -> dict[int, Total]:
        """Orders and sum of each customer."""
        sums: dict[int, Total] = dict.fromkeys(self.books.buyers, (0, 0))
        for said in self.counted:
            if said["customer"]:
                count, total = sums[said["customer"]["id"]]
                sums[said["customer"]["id"]] = (count + 1, total + self.worth(said))
        return sums

    def refunded(self) -> int:
        """What customers were given back, or will be: all of it in the store's money."""
        back = Decimal(0)
        for each in self.books.told:
            if each.topic == "refunds/create" and each.payload["order_id"] in self.named:
                (paid,), (part,) = each.payload["transactions"], each.payload["order_adjustments"]
                if paid["status"] != "failure" and not paid["test"] and Decimal(paid["amount"]):
                    back -= Decimal(part["amount_set"]["shop_money"]["amount"])
        return int(back.scaleb(DIGITS[self.books.currency]))

    def earned(self) -> dict[int, Total]:
        """Orders and revenue that each message earned."""
        sums: dict[int, Total] = {}
        for said in self.counted:
            message = self._credited(said)
            if message is not None:
                count, total = sums.get(message, (0, 0))
                sums[message] = (count + 1, total + self.worth(said))
        return sums

    def _credited(self, said: dict[str, Any]) -> int | None:
        if not said["customer"] or said["source_name"].startswith("subscription_contract"):
            return None
        if said["processed_at"][:10] < said["created_at"][:10]:  # brought from another system
            return None
        placed = datetime.fromisoformat(said["processed_at"])
        clicks = self.clicks.get(said["customer"]["id"], ())
        found = [(at, message) for at, message in clicks if placed - WINDOW <= at <= placed]
        if found:
            return max(found)[1]
        typed = [each["code"].upper() for each in said["discount_codes"]]
        return self.books.codes[typed[0]] if typed else None
