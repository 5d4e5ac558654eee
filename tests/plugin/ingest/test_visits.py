"""Visits: from a pixel's events, kept per browser, and merged and erased with their shopper."""

import random
from datetime import timedelta
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker
from sqlmodel import select

from plugin import clock
from plugin.facts import IdentityKey, ProfileFact
from plugin.flows.library import add_flow, set_status
from plugin.ingest.page_urls import clean_page_url, traffic_source
from plugin.ingest.pixel import record_pixel_events
from plugin.privacy import requests
from plugin.profiles import merge
from plugin.profiles.identity import resolve_profiles
from storage import merges
from storage import visits as stored_visits
from storage.engine import db
from storage.flows import Enrolment
from storage.profiles import find_identities
from storage.shops import Shop
from storage.visits import Visit
from tests.plugin.flows.ready import abandoned_checkout
from tests.state import state_of

EMAIL = IdentityKey("email", "ada@example.com")
AD = "http://shop.example/?utm_source=instagram&utm_campaign=autumn"


def seen(minutes: float, url: str = "http://shop.example/", **changes: Any) -> dict[str, Any]:
    """A page that browser b-1 opened some minutes into its day, six hours ago."""
    at = clock.now().replace(microsecond=0) - timedelta(hours=6) + timedelta(minutes=minutes)
    event = {
        "id": f"e-{minutes}", "name": "page_viewed", "timestamp": at.isoformat(),
        "client_id": "b-1", "marketing": True, "url": url, "data": {},
    }  # fmt: skip
    return event | changes


def visits(shop: Shop, profile_id: int | None = None) -> list[Visit]:
    """A profile's visits, the first one first; without a profile those of browser b-1."""
    with db.reading() as session:
        if profile_id is None:
            known = find_identities(session, shop.id, [("browser_id", "b-1")])
            profile_id = known["browser_id", "b-1"]
        return list(reversed(stored_visits.visits_page(session, shop.id, profile_id, 100)))


def test_half_an_hour_of_silence_ends_a_visit(database: str, shop: Shop) -> None:
    record_pixel_events(shop, [seen(0), seen(10), seen(40), seen(71)], "phone")

    first, second = visits(shop)
    assert (first.pages, second.pages, first.device) == (3, 1, "phone")
    assert first.last_seen_at - first.started_at == timedelta(minutes=40)


def test_time_on_page_runs_to_the_next_event_up_to_five_minutes(shop: Shop) -> None:
    record_pixel_events(shop, [seen(0), seen(2), seen(22), seen(23, name="search_submitted")])

    (visit,) = visits(shop)
    assert visit.dwell_s == (2 + 5 + 1) * 60
    assert visit.pages == 3


def test_any_order_of_batches_gives_the_same_rows(database: str, shop: Shop) -> None:
    told = [seen(n * 17, AD if n % 4 == 2 else "http://shop.example/") for n in range(12)]
    mixed = [*told, *told[:5]]
    random.Random(4).shuffle(mixed)
    other = Shop(**(shop.model_dump() | {"id": shop.id + 1, "domain": "other.myshopify.com"}))
    with db.transaction() as session:
        session.add(other)

    record_pixel_events(shop, told)
    while mixed:
        record_pixel_events(other, mixed[:3])
        del mixed[:3]

    assert state_of(shop.id)["visits"] == state_of(other.id)["visits"] != []


def test_a_visit_came_from_the_first_source_that_it_names(shop: Shop) -> None:
    own = {"referrer": "http://shop.example/"}
    told = [
        seen(0, **own),
        seen(3, AD, **own),
        seen(6, referrer="https://www.google.com/search?q=balm"),
        seen(90, referrer="https://www.paypal.com/checkoutnow"),
    ]
    record_pixel_events(shop, told)

    one, other = visits(shop)
    assert (one.utm_source, one.utm_campaign, one.referrer_host) == ("instagram", "autumn", "")
    assert one.entry_url == "http://shop.example/"
    assert other.arrived_at is None
    record_pixel_events(shop, [seen(120, referrer="https://www.google.com/"), seen(200)])
    with db.reading() as session:
        found = stored_visits.first_and_last_source(session, shop.id, one.profile_id)
    assert found is not None
    first, last = found
    assert (first.utm_source, last.referrer_host) == ("instagram", "google.com")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://s.example/?email=a%40b.example&utm_source=x", "https://s.example/?utm_source=x"),
        ("https://s.example/?utm_campaign=a%40b.example&variant=4", "https://s.example/?variant=4"),
        ("https://s.example/12/orders/0a1b2c/authenticate?key=9", "https://s.example/12/orders"),
        ("https://s.example/en/checkouts/cn/secret/thank-you", "https://s.example/en/checkouts"),
        ("https://s.example/pages/a@b.example", "https://s.example/pages"),
        ("https://u:p@s.example/x", "https://s.example/x"),
        ("javascript:alert(1)", ""),
        ("https://[", ""),
    ],
)
def test_a_page_url_keeps_the_page_and_names_no_person(said: str, kept: str) -> None:
    assert clean_page_url(said) == kept


def test_the_shop_itself_is_no_source() -> None:
    assert traffic_source("https://www.s.example/x", "https://s.example/y") == {}
    assert traffic_source("https://s.example/x", "https://[") == {}


def test_visits_go_with_the_shopper_when_profiles_are_joined_and_parted(
    database: str, shop: Shop
) -> None:
    record_pixel_events(shop, [seen(0)])
    (visit,) = visits(shop)
    with db.transaction() as session:
        person = ProfileFact((EMAIL,), clock.now())
        (whose,) = resolve_profiles(session, shop.id, [person], clock.now())
        assert whose is not None
        kept = merge.merge_profiles(
            session, shop.id, visit.profile_id, whose.profile_id, by="42", now=clock.now()
        )
    record_pixel_events(shop, [seen(5)])
    (joined,) = visits(shop, kept)
    assert (joined.pages, joined.profile_id) == (2, kept)

    with db.transaction() as session:
        (row,) = merges.merges_of(session, shop.id, kept, 5)
        assert merge.undo_merge(session, shop.id, row.id, "42", now=clock.now())
    assert [row.pages for row in visits(shop, visit.profile_id)] == [2]
    assert visits(shop, whose.profile_id) == []
    record_pixel_events(shop, [seen(8)])
    assert [row.pages for row in visits(shop, visit.profile_id)] == [3]


def test_who_is_forgotten_leaves_no_visit_however_late_it_is_told(
    database: str, shop: Shop
) -> None:
    record_pixel_events(shop, [seen(0, data={"cart_token": "c-1"})])
    with db.transaction() as session:
        keys = (EMAIL, IdentityKey("cart_token", "c-1"))
        resolve_profiles(session, shop.id, [ProfileFact(keys, clock.now())], clock.now())
    assert len(visits(shop)) == 1

    requests.redact_profile(shop.id, [EMAIL])
    record_pixel_events(
        shop, [seen(3), seen(9, name="product_added_to_cart", data={"cart_token": "c-1"})]
    )

    with db.reading() as session:
        assert session.exec(select(Visit).where(Visit.shop_id == shop.id)).all() == []


@pytest.mark.parametrize(("marketing", "enrolled"), [(True, 1), (False, 0)])
def test_what_a_browser_tells_starts_a_flow_where_marketing_is_allowed(
    shop: Shop, broker: StubBroker, marketing: bool, enrolled: int
) -> None:
    definition = abandoned_checkout()
    definition["triggers"] = [{"type": "metric", "id": "Viewed Product"}]
    with db.transaction() as session:
        flow_id = add_flow(session, shop.id, "Looked and left", definition)
    set_status(shop.id, flow_id, True)

    record_pixel_events(shop, [seen(0, name="product_viewed", marketing=marketing)])

    with db.reading() as session:
        found = session.exec(select(Enrolment).where(Enrolment.shop_id == shop.id)).all()
    assert len(found) == broker.queues["advance"].qsize() == enrolled
