"""Make up a town of so many shoppers and events, in pieces.

The same numbers, seed and last day give the same town. A few shoppers do most of what is done, as
in every shop: of any share of them, the square root of it is the share of what the busiest do.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import gcd
from random import Random
from typing import Any, NamedTuple

from devstore.people.townspeople import Townsman, address, somebody
from devstore.shop import catalog

PAST = timedelta(days=540)
AT_ONCE = 50_000  # events in a piece: what is in memory at a time
# bits of a shopper that decide what they do and what they are sent
CUSTOMER, REACHED, LEFT = 1, 2, 4
SHIPPING = 5_00  # cents, on every order
LEAST = 5  # events a shopper: to arrive takes as many as four
LONGEST = 40  # events that one visit sets off at most


class Good(NamedTuple):
    """Something to look at and to buy; `price` in cents."""

    product_id: int
    variant_id: int
    title: str
    size: str
    price: int


class Did(NamedTuple):
    """One event, by the shopper's number; `value` in cents."""

    number: int
    metric: str
    unique_id: str
    at: datetime
    value: int | None
    properties: dict[str, Any]


@dataclass(slots=True)
class Bag:
    """A checkout, left behind or bought: then it has an order's id and number."""

    number: int
    token: str
    at: datetime
    lines: list[tuple[Good, int]]
    order_id: int | None = None
    name: str = ""
    done_at: datetime | None = None
    cancelled: bool = False

    @property
    def total(self) -> int:
        """What is to be paid, in cents."""
        return sum(good.price * count for good, count in self.lines) + SHIPPING

    def line_id(self, place: int) -> int:
        """The id of a line of its order."""
        return (self.order_id or 0) + 100 + place


@dataclass(slots=True)
class Mail:
    """A mail of a flow: sent and perhaps opened and clicked, or not sent for a reason."""

    number: int
    flow: str
    step: int
    at: datetime
    reason: str = ""
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    bag: Bag | None = None

    @property
    def key(self) -> str:
        """What its events are called by."""
        return f"{self.flow}:{self.step}:{self.bag.token if self.bag else self.number}"


@dataclass(slots=True)
class Word:
    """A yes or a no: of the address on a channel of the shopper with this number."""

    number: int
    channel: str
    state: str
    at: datetime
    by_form: bool


@dataclass(slots=True)
class Piece:
    """What happened in some days, in no order."""

    people: list[Townsman] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    joined: list[tuple[int, str, datetime]] = field(default_factory=list)
    events: list[Did] = field(default_factory=list)
    bags: list[Bag] = field(default_factory=list)
    # the mails with events that leave open what they are about
    mails: list[Mail] = field(default_factory=list)


class Town:
    """Tells a town piece by piece, the oldest first; `seen` then says when each was seen last."""

    def __init__(self, people: int, events: int, until: datetime, seed: int = 7) -> None:
        if events < people * LEAST:
            raise ValueError(f"Each shopper does {LEAST} things at least.")
        self.people, self.events = people, events
        self.seen = array("d", bytes(8 * people))  # seconds since 1970
        self._traits = bytearray(people)
        self._names = array("I", bytes(4 * people))
        self._known, self._told, self._visits, self._orders = 0, 0, 0, 0
        self._chance = Random(seed)
        self._since = (until - PAST).timestamp()
        self._goods = list(_goods())
        self._step = next(
            n for n in range(int(people * 0.618) | 1, people * 3, 2) if gcd(n, people) == 1
        )
        self._end = until.timestamp()

    def pieces(self) -> Iterator[Piece]:
        """Everything that happened."""
        count = max(1, -(-max(self.events, self.people * 4) // AT_ONCE))
        length = (self._end - self._since) / count
        for at in range(count):
            piece, starts = Piece(), self._since + at * length
            wanted = self.people * (at + 1) // count
            for number in range(self._known, wanted):
                self._arrive(piece, number, starts + length * self._chance.random())
            self._known = wanted
            budget = self.events * (at + 1) // count - self._told
            while len(piece.events) < budget and self._known:
                shortly = self.events - self._told - len(piece.events) < LONGEST
                number = self._somebody()
                since = max(self.seen[number], starts)
                moment = since + (starts + length - since) * self._chance.random()
                self._visit(piece, number, moment, shortly=shortly)
            self._told += len(piece.events)
            yield piece

    def address(self, number: int) -> str:
        """Return the email address of a townsman who has one."""
        return address(number, self._names[number])

    def _somebody(self) -> int:
        """One of those who are known, the busy ones more often."""
        rank = int(self.people * self._chance.random() ** 2)
        return rank * self._step % self.people % self._known

    def _arrive(self, piece: Piece, number: int, moment: float) -> None:
        chance, at = self._chance, _at(moment)
        who = somebody(number, at, chance)
        piece.people.append(who)
        self.seen[number] = moment
        self._names[number] = who.name
        self._traits[number] = CUSTOMER if who.customer_id else 0
        if who.email is None:
            return
        if who.by_form or chance.random() < 0.55:
            self._agree(piece, who, at)
        if who.phone is not None and chance.random() < 0.4:
            piece.words.append(Word(number, "sms", "subscribed", at, False))

    def _agree(self, piece: Piece, who: Townsman, at: datetime) -> None:
        chance, number = self._chance, who.number
        self._traits[number] |= REACHED
        piece.words.append(Word(number, "email", "subscribed", at, who.by_form))
        if chance.random() < 0.09:
            self._traits[number] |= LEFT
            later = at + (_at(self._end) - at) * chance.random()
            piece.words.append(Word(number, "email", "unsubscribed", later, who.by_form))
        if who.by_form:
            piece.joined.append((number, "Newsletter", at))
            said = {**who.properties, "page": "/"}
            piece.events.append(Did(number, "Submitted Form", f"f{number}", at, None, said))
            self._mail(piece, Mail(number, "Welcome", 0, at + timedelta(seconds=4)))
        elif chance.random() < 0.12:
            piece.joined.append((number, "Early access", at))

    def _visit(self, piece: Piece, number: int, moment: float, *, shortly: bool = False) -> None:
        """One visit: a look around, which may end in a cart, a checkout or an order."""
        chance, events = self._chance, piece.events
        random, goods = chance.random, self._goods
        self._visits += 1
        key = f"{self._visits:x}"
        at = _at(moment)
        self.seen[number] = moment
        events.append(Did(number, "Active on Site", key, at, None, {"url": "/"}))
        if shortly:
            return
        good = goods[0]
        for look in range(1 + int(4 * random() ** 1.5)):
            good = goods[int(len(goods) * random() ** 1.7)]
            at = _at(moment + 20 * (look + 1))
            said = {"product_id": good.product_id, "variant_id": good.variant_id,
                    "title": good.title, "price": good.price / 100}  # fmt: skip
            events.append(Did(number, "Viewed Product", f"{key}-{look}", at, None, said))
        going = random()
        if going > 0.35:
            return
        said = {"title": good.title, "product_id": good.product_id}
        events.append(Did(number, "Added to Cart", key, at, good.price, said))
        if going < 0.18 and self._traits[number]:
            self._check_out(piece, number, moment + 120, good, buys=going < 0.10)

    def _check_out(
        self, piece: Piece, number: int, moment: float, good: Good, *, buys: bool
    ) -> None:
        chance, at = self._chance, _at(moment)
        more = self._goods[int(len(self._goods) * chance.random())]
        lines = [(good, 1 + (chance.random() < 0.15))]
        if more is not good and chance.random() < 0.45:
            lines.append((more, 1))
        bag = Bag(number, f"{int(moment * 1000):x}{chance.getrandbits(64):016x}", at, lines)
        piece.bags.append(bag)
        said = {"checkout_token": bag.token, "checkout_url": f"/checkouts/{bag.token}",
                "lines": [line_of(*line) for line in lines],
                "item_count": sum(count for _, count in lines)}  # fmt: skip
        piece.events.append(Did(number, "Checkout Started", bag.token, at, bag.total, said))
        if buys and self._traits[number] & CUSTOMER:
            self._buy(piece, bag, moment + 90)
            return
        for step, later in enumerate((timedelta(hours=1), timedelta(hours=25))):
            self._mail(piece, Mail(number, "Abandoned checkout", step, at + later, bag=bag))

    def _buy(self, piece: Piece, bag: Bag, moment: float) -> None:
        self._orders += 1
        at, number = _at(moment), bag.number
        bag.order_id, bag.name = (
            51_000_000_000_000 + self._orders * 371,
            f"#{100_000 + self._orders}",
        )
        bag.done_at, bag.cancelled = at, self._chance.random() < 0.02
        said = {"order_id": bag.order_id, "number": bag.name}
        events, key, gone = piece.events, str(bag.order_id), bag.cancelled
        lines = [{"line_id": bag.line_id(n), **line_of(*each)} for n, each in enumerate(bag.lines)]
        placed = said | {"lines": lines, **({"ordered_value": bag.total} if gone else {})}
        events.append(Did(number, "Placed Order", key, at, 0 if gone else bag.total, placed))
        for place, (good, count) in enumerate(bag.lines):
            about = {**said, "title": good.title, "product_id": good.product_id, "quantity": count}
            worth = 0 if gone else good.price * count
            what = f"{key}:{bag.line_id(place)}"
            events.append(Did(number, "Ordered Product", what, at, worth, about))
        later = min(at + timedelta(hours=30 * self._chance.random()), _at(self._end))
        metric, what = (
            ("Cancelled Order", key)
            if bag.cancelled
            else ("Fulfilled Order", f"{key}:orders/fulfilled")
        )
        events.append(Did(number, metric, what, later, bag.total, said))

    def _mail(self, piece: Piece, mail: Mail) -> None:
        chance = self._chance
        if mail.at.timestamp() > self._end:
            return
        traits = self._traits[mail.number]
        if not traits & REACHED or traits & LEFT:
            mail.reason = "unsubscribed" if traits & LEFT else "no_consent"
        elif chance.random() < 0.02:
            mail.reason = "frequency"
        elif chance.random() < 0.5:
            mail.opened_at = mail.at + timedelta(minutes=600 * chance.random() ** 3)
            if chance.random() < 0.2:
                mail.clicked_at = mail.opened_at + timedelta(seconds=40)
        piece.mails.append(mail)
        if not mail.reason:
            told = (("Received Email", mail.at), ("Opened Email", mail.opened_at),
                    ("Clicked Email", mail.clicked_at))  # fmt: skip
            piece.events += [
                Did(mail.number, metric, mail.key, at, None, {}) for metric, at in told if at
            ]


def line_of(good: Good, count: int) -> dict[str, Any]:
    """A line of a checkout; `price` in cents."""
    return {
        "title": good.title,
        "variant_title": good.size,
        "quantity": count,
        "price": good.price,
        "product_id": good.product_id,
        "variant_id": good.variant_id,
    }


def _goods() -> Iterator[Good]:
    shown = [p for p in catalog.products() if catalog.is_shown(p, catalog.OPENED)]
    for at, product in enumerate(p for p in shown if catalog.is_for_sale(p)):
        for size, variant in enumerate(product["variants"]):
            product_id = 81_000_000_000_000 + at * 101
            yield Good(
                product_id,
                product_id + 7 + size,
                product["title"],
                variant["title"],
                variant["price"],
            )


def _at(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
