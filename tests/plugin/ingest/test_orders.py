"""Orders as they change: what their events and lines say, whichever telling comes first."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from plugin import clock
from plugin.facts import EventFact, Facts, ProfileFact, identity_keys, merge_facts
from plugin.ingest.digest import apply_facts
from plugin.shopify.normalise import order_events, orders
from plugin.shopify.normalise.route import normaliser
from storage import consent
from storage import orders as kept_orders
from storage.engine import db
from storage.events import Event
from storage.flows import Enrolment, Flow, FlowVersion
from storage.profiles import IdentityKind
from storage.shops import Shop
from tests.plugin.flows.ready import abandoned_checkout

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
Said = tuple[str, dict[str, Any]]


def line(number: int, quantity: int = 1, left: int | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "product_id": number * 10, "variant_id": number * 100,
        "title": f"Thing {number}", "price": "10.00", "quantity": quantity,
        "current_quantity": quantity if left is None else left,
    } | changes  # fmt: skip


def order(hours: float = 0, **changes: Any) -> Said:
    """An order as it is told so many hours after it was placed."""
    told = (AT + timedelta(hours=hours)).isoformat()
    body = {
        "id": 5, "name": "#1005", "created_at": AT.isoformat(), "updated_at": told,
        "total_price": "20.00", "customer": {"id": 7, "email": "ana@example.com"},
        "line_items": [line(9_000_001), line(9_000_002)],
    } | changes  # fmt: skip
    return "orders/updated", body


def parcel(topic: str = "fulfillments/create", hours: float = 0, **changes: Any) -> Said:
    body = {
        "id": 41, "order_id": 5, "status": "success", "created_at": AT.isoformat(),
        "updated_at": (AT + timedelta(hours=hours)).isoformat(), "tracking_number": "JD01",
        "tracking_numbers": ["JD01"], "line_items": [line(9_000_001)],
    } | changes  # fmt: skip
    return topic, body


def tell(shop: Shop, *said: Said, together: bool = False) -> None:
    facts = [_facts(topic, body) for topic, body in said]
    for each in [merge_facts(facts)] if together else facts:
        apply_facts(shop, each)


def _facts(topic: str, body: dict[str, Any]) -> Facts:
    normalise = normaliser(topic)
    assert normalise
    return normalise(topic, body, "USD")


def events(shop: Shop, metric: str) -> list[Event]:
    with db.reading() as session:
        found = session.exec(select(Event).where(Event.shop_id == shop.id, Event.metric == metric))
        return sorted(found, key=lambda event: event.unique_id)


def lines(shop: Shop) -> list[tuple[str, int]]:
    with db.reading() as session:
        found = kept_orders.lines_by_order(session, shop.id, [5]).get(5, [])
    return sorted((each["title"], each["quantity"]) for each in found)


EDIT = order(
    1,
    current_total_price="35.00",
    line_items=[line(9_000_003), line(9_000_001, 3, 2), line(9_000_002, 1, 0)],
)
CANCEL = order(
    2, **EDIT[1] | {"cancelled_at": AT.isoformat(), "updated_at": "2026-11-21T15:00:00Z"}
)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("said", list(itertools.permutations([order(), order(0.5), EDIT])))
def test_an_edit_is_what_lines_and_events_say_in_any_order(
    database, shop, said: Sequence[Said], together: bool
):
    tell(shop, *said, together=together)

    assert lines(shop) == [("Thing 9000001", 2), ("Thing 9000003", 1)]
    (placed,) = events(shop, "Placed Order")
    assert (placed.value, placed.properties["ordered_value"]) == (3500, 2000)
    assert [each["line_id"] for each in placed.properties["lines"]] == [9_000_003, 9_000_001]
    assert [
        (each.value, each.properties["quantity"], each.properties.get("current_quantity"))
        for each in events(shop, "Ordered Product")
    ] == [(2000, 3, 2), (0, 1, 0), (1000, 1, None)]


@pytest.mark.parametrize("said", list(itertools.permutations([order(), EDIT, CANCEL])))
def test_a_cancelled_order_leaves_its_events_and_no_value(database, shop, said: Sequence[Said]):
    tell(shop, *said)

    assert [each.value for each in events(shop, "Placed Order")] == [0]
    assert {each.value for each in events(shop, "Ordered Product")} == {0}
    assert [each.value for each in events(shop, "Cancelled Order")] == [2000]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_deleted_order_has_no_value_even_if_it_is_told_later(database, shop, reverse, together):
    gone = ("orders/delete", {"id": 5, "triggered_at": "2026-11-22T00:00:00Z"})

    tell(shop, *([gone, order()] if reverse else [order(), gone]), together=together)

    assert [each.value for each in events(shop, "Placed Order")] == [0]
    assert {each.value for each in events(shop, "Ordered Product")} == {0}
    assert lines(shop) == []


def test_a_test_order_is_neither_an_act_nor_an_order(database, shop):
    tell(shop, order(test=True))
    paid = {"id": 1, "order_id": 5, "created_at": AT.isoformat(), "amount": "20.00", "test": True}
    tell(shop, ("order_transactions/create", paid | {"kind": "sale", "status": "success"}))

    with db.reading() as session:
        assert kept_orders.orders_by_id(session, shop.id, [5]) == {}
        assert session.exec(select(Event).where(Event.shop_id == shop.id)).all() == []


def test_two_engravings_are_two_and_a_tip_is_none(database, shop):
    engraved = [line(9_000_001), line(9_000_002, product_id=90_000_010, title="Thing 9000001")]
    tip = {"id": 9_000_009, "title": "Trinkgeld", "price": "3.00", "quantity": 1}

    tell(shop, order(line_items=[*engraved, tip], total_tip_received="3.00"))

    assert len(events(shop, "Ordered Product")) == 2
    (placed,) = events(shop, "Placed Order")
    assert (placed.properties["tip"], placed.properties["item_count"]) == (300, 2)
    assert len(lines(shop)) == 2


def test_placed_order_tells_source_tags_codes_and_amounts(database, shop):
    bag = {"shop_money": {"amount": "5.00", "currency_code": "USD"}}
    tell(
        shop,
        order(
            source_name="pos", tags="vip, gift", discount_codes=[{"code": "dew"}],
            total_discounts="2.50", total_tax="1.25", total_shipping_price_set=bag,
        ),
    )  # fmt: skip

    (placed,) = events(shop, "Placed Order")
    about = {"source_name": "pos", "tags": ["gift", "vip"], "discount_codes": ["dew"]}
    about |= {"discounts": 250, "tax": 125, "shipping": 500}
    assert about.items() <= placed.properties.items()


def test_orders_recorded_by_the_place_of_a_line_go_over_to_its_id(database, shop):
    person = ProfileFact(identity_keys((IdentityKind.CUSTOMER, 7)), AT)
    old = Facts(
        [person], [EventFact(person, "Placed Order", "5", AT, 2000, "USD", {"order_id": 5})]
    )
    old.events += [
        EventFact(person, "Ordered Product", f"5:{place}", AT, 1000, "USD", {"title": "Thing"})
        for place in (0, 1)
    ]
    apply_facts(shop, old)

    tell(shop, order())
    tell(shop, order(1))

    bought = events(shop, "Ordered Product")
    assert [each.unique_id for each in bought] == ["5:9000001", "5:9000002"]
    assert bought[0].properties["variant_id"] == 900_000_100


@pytest.mark.parametrize("said", list(itertools.permutations(range(3))))
def test_tracking_numbers_that_come_later_are_told_in_any_order(database, shop, said):
    told = [
        parcel(tracking_numbers=[], tracking_number=None),
        parcel("fulfillments/update", 1),
        parcel("fulfillments/update", 2, tracking_numbers=["JD01", "JD02"]),
    ]

    tell(shop, order(), *(told[number] for number in said))

    (sent,) = events(shop, "Confirmed Shipment")
    assert sent.properties["tracking_numbers"] == ["JD01", "JD02"]
    assert sent.occurred_at == AT


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failure"},
        {"status": "cancelled"},
        {"status": "error"},
        {"line_items": [line(9_000_001, gift_card=True, requires_shipping=False)]},
    ],
)
def test_what_failed_or_is_a_gift_card_is_not_shipped(database, shop, changes):
    tell(shop, order(), parcel(**changes))
    partly = order(1, fulfillments=[parcel(**changes)[1]])[1]
    tell(shop, ("orders/partially_fulfilled", partly))

    assert events(shop, "Confirmed Shipment") == events(shop, "Fulfilled Partial Order") == []


def test_an_order_of_gift_cards_is_not_fulfilled_as_goods_are(database, shop):
    card = line(9_000_001, gift_card=True)

    tell(shop, ("orders/fulfilled", order(line_items=[card])[1]))
    assert events(shop, "Fulfilled Order") == []

    tell(shop, ("orders/fulfilled", order(1, line_items=[card, line(9_000_002)])[1]))
    assert len(events(shop, "Fulfilled Order")) == 1


def test_each_parcel_of_a_part_is_an_event_of_its_own_at_its_own_time(database, shop):
    parcels = [
        {"id": 41 + n, "created_at": (AT + timedelta(days=n)).isoformat(), "status": "success"}
        for n in range(2)
    ]
    for count in (2, 1):
        body = order(48 + count, fulfillments=parcels[:count])[1]
        tell(shop, ("orders/partially_fulfilled", body))

    told = events(shop, "Fulfilled Partial Order")
    assert [each.occurred_at for each in told] == [AT, AT + timedelta(days=1)]


def test_an_order_brought_from_elsewhere_implies_no_consent(database, shop):
    buyer = {"id": 7, "email": "ana@example.com", "default_address": {"country_code": "CA"}}
    with db.transaction() as session:
        session.merge(shop).implied_countries = "CA"
    shop.implied_countries = "CA"

    tell(shop, order(customer=buyer, processed_at="2026-03-05T09:00:00Z"))
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", "ana@example.com") is None

    tell(shop, order(customer=buyer, id=6, processed_at=AT.isoformat()))
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", "ana@example.com") == "implied"


@pytest.mark.parametrize(("processed_at", "started"), [(AT, 1), (AT - timedelta(days=300), 0)])
def test_an_order_brought_from_elsewhere_starts_no_flow_when_it_is_fulfilled(
    database, shop, monkeypatch, processed_at, started
):
    monkeypatch.setattr(clock, "now", lambda: AT)
    definition = abandoned_checkout()
    definition["triggers"] = [{"type": "metric", "id": "Fulfilled Order"}]
    definition["profile_filter"] = None
    about = {"shop_id": shop.id, "created_at": AT}
    with db.transaction() as session:
        session.add(
            Flow(id=1, name="Thanks", status="live", trigger="metric:Fulfilled Order",
                 updated_at=AT, **about)
        )  # fmt: skip
        session.add(FlowVersion(flow_id=1, version=1, definition=definition, **about))

    body = order(processed_at=processed_at.isoformat())[1]
    tell(shop, ("orders/create", body))
    tell(shop, ("orders/fulfilled", body))

    assert len(events(shop, "Fulfilled Order")) == 1
    with db.reading() as session:
        found = session.exec(select(Enrolment).where(Enrolment.shop_id == shop.id)).all()
    assert len(found) == started


def test_the_buyer_is_the_customer_or_who_pays_and_never_who_receives() -> None:
    gift = {"first_name": "Bo", "last_name": "Berg", "country_code": "CA"}
    bill = {"first_name": "Ana", "last_name": "Adler", "country_code": "DE"}
    guest = {"id": 7, "email": "ana@example.com", "first_name": None, "default_address": None}

    _, body = order(customer=guest, billing_address=bill, shipping_address=gift)
    (person,) = orders.normalise("orders/create", body, "USD").profiles
    assert (person.fields["first_name"], person.fields["country"]) == ("Ana", "DE")

    _, body = order(customer=guest, billing_address=None, shipping_address=gift)
    (person,) = orders.normalise("orders/create", body, "USD").profiles
    assert person.fields.keys() == {"email"}


def money(shop: str, seen: str, code: str = "EUR") -> dict[str, Any]:
    return {
        "shop_money": {"amount": shop, "currency_code": "USD"},
        "presentment_money": {"amount": seen, "currency_code": code},
    }


REFUND: dict[str, Any] = {
    "id": 31, "order_id": 5, "created_at": AT.isoformat(), "refund_line_items": [],
    "order_adjustments": [], "refund_shipping_lines": [], "duties": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "parts", "expected"),
    [
        ([("success", "10.00", "USD")], {}, (1000, "USD")),
        ([("pending", "10.00", "USD"), ("failure", "7.00", "USD")], {}, (1000, "USD")),
        ([("error", "9.00", "EUR")], {}, (0, "USD")),
        ([("success", "9.00", "EUR")], {}, (900, "EUR")),
        (
            [("success", "9.00", "EUR")],
            {"order_adjustments": [{"amount_set": money("-10.00", "-9.00")}]},
            (1000, "USD"),
        ),
        (
            [("success", "22.50", "EUR")],
            {
                "refund_line_items": [
                    {"subtotal_set": money("10.00", "9.00"), "total_tax_set": money("5.00", "4.50")}
                ],
                "refund_shipping_lines": [{"subtotal_amount_set": money("10.00", "9.00")}],
                "order_adjustments": [{"amount_set": money("-10.00", "-9.00")}],
            },
            (2500, "USD"),
        ),
        (  # part of it on a gift card of the shop's own currency
            [("success", "4.00", "USD"), ("success", "9.00", "EUR")],
            {"refund_shipping_lines": [{"subtotal_amount_set": money("10.00", "9.00")}]},
            (1400, "USD"),
        ),
    ],
)
def test_a_refund_is_worth_what_goes_back_in_the_shops_money(given, parts, expected) -> None:
    paid = [
        {"kind": "refund", "status": status, "amount": amount, "currency": code}
        for status, amount, code in given
    ]

    body = REFUND | parts | {"transactions": paid}
    (back,) = order_events.refunds("refunds/create", body, "USD").events

    assert (back.value, back.currency) == expected
