"""Filters: what Klaviyo's conditions mean, on both sides of each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.flows.fields import FieldReader
from plugin.flows.filters import ProfileFilter, TriggerFilter, Who, matches_filter
from plugin.ingest.digest import apply_facts
from plugin.shopify.normalise import products
from storage import profiles
from storage.engine import db
from storage.events import Event
from storage.profiles import IdentityKind
from storage.shops import Shop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EMAIL = IdentityKey(IdentityKind.EMAIL, "ana@example.com")
ANA = ProfileFact((EMAIL,), NOW, {"email": "ana@example.com"})
# Orders of 10.00, 20.00 and 40.00; the second was bought at the till.
ORDERS = [
    (NOW - 400 * DAY, 1_000, {"source": "web", "tags": ["gift", "first"]}),
    (NOW - 40 * DAY, 2_000, {"source": "pos", "items": 3, "tags": []}),
    (NOW - 2 * DAY, 4_000, {"source": "web", "is_gift": True}),
]
STARTED = NOW - 3 * DAY


@pytest.fixture
def ana(database: str, shop: Shop) -> Who:
    """A shopper who has placed three orders, and began a flow three days ago."""
    placed = [
        EventFact(ANA, "Placed Order", f"{number}", at, value, "USD", about)
        for number, (at, value, about) in enumerate(ORDERS)
    ]
    apply_facts(shop, Facts(profiles=[ANA], events=placed))
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, [EMAIL])
    return Who(shop.id, found[EMAIL], STARTED)


def numeric(operator: str, value: float) -> dict[str, Any]:
    return {"type": "numeric", "operator": operator, "value": value}


def date(operator: str, **about: Any) -> dict[str, Any]:
    return {"type": "date", "operator": operator, **about}


def placed(
    measure: dict[str, Any], timeframe: dict[str, Any], measurement: str = "count", **more: Any
) -> dict[str, Any]:
    """A condition of how often, or for how much, orders were placed."""
    return {
        "type": "profile-metric", "metric_id": "Placed Order", "measurement": measurement,
        "measurement_filter": measure, "timeframe_filter": timeframe, **more,
    }  # fmt: skip


def holds(ana: Who, *conditions: dict[str, Any]) -> bool:
    """Whether one of these conditions holds."""
    given = {"condition_groups": [{"conditions": list(conditions)}]}
    read = FieldReader("profile_filter").read(ProfileFilter, given)
    with db.reading() as session:
        return matches_filter(session, read, ana, NOW)


def iso(at: datetime) -> str:
    return at.isoformat()


@pytest.mark.parametrize(
    ("timeframe", "count", "total"),
    [
        (date("alltime"), 3, 70),
        (date("flow-start"), 1, 40),
        (date("before", date=iso(NOW - 41 * DAY)), 1, 10),
        (date("before", date=iso(NOW - 40 * DAY)), 1, 10),
        (date("after", date=iso(NOW - 41 * DAY)), 2, 60),
        (date("between-static", start=iso(NOW - 41 * DAY), end=iso(NOW - 3 * DAY)), 1, 20),
        (date("between-static", start=iso(NOW - 39 * DAY), end=iso(NOW - 3 * DAY)), 0, 0),
        (date("between", start=30, end=60, unit="day"), 1, 20),
        (date("between", start=60, end=30, unit="day"), 1, 20),
        (date("between", start=1, end=6, unit="week"), 1, 20),
        (date("between", start=41, end=60, unit="day"), 0, 0),
        (date("at-least", quantity=40, unit="day"), 2, 30),
        (date("at-least", quantity=41, unit="day"), 1, 10),
        (date("in-the-last", quantity=48, unit="hour"), 1, 40),
        (date("in-the-last", quantity=47, unit="hour"), 0, 0),
        (date("in-the-last", quantity=6, unit="week"), 2, 60),
        (date("in-the-next", quantity=1, unit="week"), 0, 0),
        (date("in-the-last", quantity=100_000, unit="week"), 3, 70),
    ],
)
def test_a_timeframe_says_which_events_count(
    ana: Who, timeframe: dict[str, Any], count: int, total: int
) -> None:
    assert holds(ana, placed(numeric("equals", count), timeframe))
    assert not holds(ana, placed(numeric("not-equals", count), timeframe))
    assert holds(ana, placed(numeric("equals", total), timeframe, "sum"))
    assert not holds(ana, placed(numeric("less-than", total), timeframe, "sum"))
    assert holds(ana, placed(numeric("greater-than", total - 0.01), timeframe, "sum"))


@pytest.mark.parametrize(
    ("name", "filter_", "total"),
    [
        ("source", {"type": "string", "operator": "equals", "value": "web"}, 50),
        ("source", {"type": "string", "operator": "not-equals", "value": "web"}, 20),
        ("source", {"type": "string", "operator": "starts-with", "value": "p"}, 20),
        ("source", {"type": "string", "operator": "not-ends-with", "value": "s"}, 50),
        ("source", {"type": "string", "operator": "in", "value": ["pos", "app"]}, 20),
        ("source", {"type": "string", "operator": "not-in", "value": ["pos", "app"]}, 50),
        ("items", {"type": "numeric", "operator": "greater-than", "value": 2.5}, 20),
        ("items", {"type": "numeric", "operator": "not-equals", "value": 3}, 50),
        ("items", {"type": "existence", "operator": "is-set"}, 20),
        ("items", {"type": "existence", "operator": "not-set"}, 50),
        ("is_gift", {"type": "boolean", "operator": "equals", "value": True}, 40),
        ("is_gift", {"type": "boolean", "operator": "equals", "value": False}, 0),
        ("tags", {"type": "list", "operator": "contains-all", "value": ["gift", "first"]}, 10),
        ("tags", {"type": "list", "operator": "contains-any", "value": ["gift", "last"]}, 10),
        ("tags", {"type": "list", "operator": "not-contains-any", "value": ["gift"]}, 60),
        ("tags", {"type": "list", "operator": "contains-substring", "value": "gif"}, 10),
        ("tags", {"type": "list", "operator": "length-equals", "value": 0}, 20),
        ("$value", {"type": "numeric", "operator": "greater-than-or-equal", "value": 20}, 60),
    ],
)
def test_a_property_says_which_events_count(
    ana: Who, name: str, filter_: dict[str, Any], total: int
) -> None:
    only = {"metric_filters": [{"property": name, "filter": filter_}]}

    assert holds(ana, placed(numeric("equals", total), date("alltime"), "sum", **only))


def test_all_properties_of_a_condition_have_to_hold(ana: Who) -> None:
    web = {"property": "source", "filter": {"type": "string", "operator": "equals", "value": "web"}}
    dear = {"property": "$value", "filter": numeric("greater-than", 10)}

    assert holds(ana, placed(numeric("equals", 1), date("alltime"), metric_filters=[web, dear]))


def test_of_a_group_one_condition_has_to_hold_and_of_each_group_one(ana: Who) -> None:
    yes = placed(numeric("greater-than", 0), date("alltime"))
    no = placed(numeric("equals", 0), date("alltime"))

    assert holds(ana, no, yes)
    for groups, holds_ in (([[yes], [no, yes]], True), ([[yes], [no]], False), ([], True)):
        given = {"condition_groups": [{"conditions": group} for group in groups]}
        with db.reading() as session:
            read = FieldReader().read(ProfileFilter, given)
            assert matches_filter(session, read, ana, NOW) is holds_


@pytest.mark.parametrize(
    ("field", "filter_", "starts"),
    [
        ("$value", numeric("greater-than", 39.99), True),
        ("$value", numeric("greater-than", 40), False),
        ("$value", {"type": "numeric", "operator": "between", "start": 40, "end": 50}, True),
        ("$value", {"type": "numeric", "operator": "between", "start": 41, "end": 50}, False),
        ("tags", {"type": "list", "operator": "contains", "value": "gift"}, True),
        ("tags", {"type": "list", "operator": "not-contains", "value": "gift"}, False),
        ("gone", {"type": "existence", "operator": "is-set"}, False),
    ],
)
def test_a_trigger_filter_looks_at_the_event_that_starts_the_flow(
    database: str, shop: Shop, field: str, filter_: dict[str, Any], starts: bool
) -> None:
    condition = {
        "type": "metric-property", "metric_id": "Placed Order", "field": field, "filter": filter_,
    }  # fmt: skip
    given = {"condition_groups": [{"conditions": [condition]}]}
    event = Event(
        shop_id=shop.id, id=1, profile_id=1, metric="Placed Order", unique_id="1", occurred_at=NOW,
        value=4_000, currency="USD", properties={"tags": ["gift"]},
    )  # fmt: skip

    with db.reading() as session:
        assert FieldReader().read(TriggerFilter, given).matches(session, event) is starts


@pytest.mark.parametrize("typed", ["WELCOME-10", "welcome-10", " Welcome-10"])
@pytest.mark.parametrize(
    ("filter_", "met"),
    [
        ({"type": "list", "operator": "contains", "value": "Welcome-10"}, True),
        ({"type": "list", "operator": "not-contains", "value": "welcome-10"}, False),
        ({"type": "list", "operator": "contains", "value": "WELCOME"}, False),
        ({"type": "list", "operator": "length-equals", "value": 1}, True),
        ({"type": "existence", "operator": "is-set"}, True),
    ],
)
def test_a_discount_code_is_the_same_in_any_case(
    database: str, shop: Shop, typed: str, filter_: dict[str, Any], met: bool
) -> None:
    given = {
        "condition_groups": [{"conditions": [{
            "type": "metric-property", "metric_id": "Placed Order", "field": "discount_codes",
            "filter": filter_,
        }]}]
    }  # fmt: skip
    event = Event(
        shop_id=shop.id, id=1, profile_id=1, metric="Placed Order", unique_id="1", occurred_at=NOW,
        properties={"discount_codes": [typed]},
    )  # fmt: skip

    with db.reading() as session:
        assert FieldReader().read(TriggerFilter, given).matches(session, event) is met


def test_orders_are_counted_by_their_discount_code_in_any_case(database: str, shop: Shop) -> None:
    used = [
        EventFact(ANA, "Placed Order", f"{n}", NOW - DAY, 1_000, "USD", {"discount_codes": [code]})
        for n, code in enumerate(("dew-10", "DEW-10", "OTHER"))
    ]
    apply_facts(shop, Facts(profiles=[ANA], events=used))
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, [EMAIL])
    who = Who(shop.id, found[EMAIL], STARTED)
    codes = {"type": "list", "operator": "contains-any", "value": ["Dew-10"]}
    only = {"metric_filters": [{"property": "discount_codes", "filter": codes}]}

    assert holds(who, placed(numeric("equals", 2), date("alltime"), **only))


@pytest.mark.parametrize("about", [{"product_id": 7}, {"categories": ["Balm"]}])
def test_the_category_of_a_product_is_the_catalogs_where_the_event_tells_none(
    database: str, shop: Shop, about: dict[str, Any]
) -> None:
    balm = {
        "id": 7, "title": "Balm", "handle": "balm", "product_type": "Balm", "variants": [],
        "updated_at": "2026-11-01T00:00:00Z",
    }  # fmt: skip
    apply_facts(shop, products.normalise("products/update", balm, "USD"))
    given = {
        "condition_groups": [{"conditions": [{
            "type": "metric-property", "metric_id": "Added to Cart", "field": "categories",
            "filter": {"type": "list", "operator": "contains", "value": "Balm"},
        }]}]
    }  # fmt: skip
    event = Event(
        shop_id=shop.id, id=1, profile_id=1, metric="Added to Cart", unique_id="1",
        occurred_at=NOW, properties=about,
    )  # fmt: skip

    with db.reading() as session:
        assert FieldReader().read(TriggerFilter, given).matches(session, event)


def test_money_is_compared_in_whole_units_of_its_currency(database: str, shop: Shop) -> None:
    given = {
        "condition_groups": [{"conditions": [{
            "type": "metric-property", "metric_id": "Placed Order", "field": "$value",
            "filter": numeric("equals", 4_000),
        }]}]
    }  # fmt: skip
    event = Event(
        shop_id=shop.id, id=1, profile_id=1, metric="Placed Order", unique_id="1", occurred_at=NOW,
        value=4_000, currency="JPY",
    )  # fmt: skip

    with db.reading() as session:
        assert FieldReader().read(TriggerFilter, given).matches(session, event)
