"""What the pages read, on both databases: days of the shop's own zone, places in lists, counts."""

from datetime import UTC, datetime, timedelta

import pytest

from admin_ui.kit import charts, words
from admin_ui.kit.language import Language
from storage import attributions, consent, events, lists, messages, orders, profiles
from storage.attributions import Attribution
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event
from storage.lists import List, add_member
from storage.messages import Message
from storage.profiles import Profile

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEW_YORK = Language("en", "America/New_York", "USD")


def order(shop, n, at, total, cancelled=None):
    return {
        "shop_id": shop.id, "id": n, "profile_id": 1, "source_profile_id": None,
        "number": f"#{n}", "placed_at": at,
        "updated_at": at, "reported_at": at, "cancelled_at": cancelled, "total": total,
        "currency": "USD", "checkout_token": None, "cart_token": None,
        "discount_codes": [], "status_url": "",
    }  # fmt: skip


def credit(shop, n, at, amount):
    return Attribution(
        shop_id=shop.id, order_id=n, message_id=1, flow_id=7, amount=amount, currency="USD", at=at
    ).model_dump()


def message(shop, at, state, reason="", sent=False):
    return Message(
        shop_id=shop.id, id=(n := new_id()), idempotency_key=str(n), profile_id=1,
        channel="email", flow_id=7,
        action_id="1", template_id=1, state=state, skip_reason=reason, due_at=at, created_at=at,
        sent_at=at if sent else None,
    )  # fmt: skip


def test_a_day_is_the_shops_own_day(database, shop):
    """In New York clocks went back on 1 November 2026: that day has 25 hours."""
    edges = charts.last_days(30, AT, NEW_YORK)
    late = datetime(2026, 11, 21, 4, 59, tzinfo=UTC)  # 11:59 p.m. of the 20th in New York
    autumn = datetime(2026, 11, 2, 4, 59, tzinfo=UTC)  # 11:59 p.m. of the 1st, an hour behind
    with db.transaction() as session:
        orders.save_orders(
            session,
            [
                order(shop, 1, late, 100),
                order(shop, 2, late + timedelta(minutes=1), 200),
                order(shop, 3, autumn, 400),
                order(shop, 4, late, 800, cancelled=AT),
                order(shop, 5, edges[0] - timedelta(seconds=1), 1600),
            ],
            [],
        )
        attributions.save_attributions(session, [credit(shop, 1, late, 100)])
        sold = orders.order_totals_by_day(session, shop.id, edges)
        earned = attributions.earned_by_day(session, shop.id, edges)

    assert len(edges) == 31
    assert sold == {29: (1, 200), 28: (1, 100), 9: (1, 400)}
    assert edges[9].isoformat() == "2026-11-01T00:00:00-04:00"
    assert earned == {28: (1, 100)}


def test_p12_events_of_one_moment_are_paged_without_a_hole(database, shop):
    rows = [
        {
            "shop_id": shop.id, "id": new_id(), "profile_id": 1, "unique_id": str(n),
            "source_profile_id": None, "occurred_at": AT,
            "metric": "Ordered Product" if n % 2 else "Viewed Product",
            "value": None, "currency": None, "properties": {},
        }
        for n in range(7)
    ]  # fmt: skip
    seen, place = [], None
    with db.transaction() as session:
        events.add_events(session, rows)
        while page := events.events_page(session, shop.id, 1, 3, before=place):
            seen += [event.id for event in page]
            place = (page[-1].occurred_at, page[-1].id)
        orders_only = events.events_page(session, shop.id, 1, 9, metrics=["Ordered Product"])
        others = events.events_page(session, shop.id, 1, 9, without=["Ordered Product"])

    assert seen == sorted((row["id"] for row in rows), reverse=True)
    assert (len(orders_only), len(others)) == (3, 4)


def test_messages_are_counted_by_flow_and_by_the_reason_they_were_not_sent(database, shop):
    with db.transaction() as session:
        session.add_all(
            [
                message(shop, AT, "accepted", sent=True),
                message(shop, AT - timedelta(days=40), "accepted", sent=True),
                message(shop, AT, "skipped", "unsubscribed"),
                message(shop, AT, "skipped", "unsubscribed"),
                message(shop, AT, "failed", "rejected"),
            ]
        )
        session.flush()
        since = AT - timedelta(days=30)
        sent = messages.count_sent_by_flow(session, shop.id, since, AT + timedelta(seconds=1))
        reasons = messages.count_reasons(session, shop.id, 7)
        first = messages.messages_page(session, shop.id, 1, 2)
        rest = messages.messages_page(
            session, shop.id, 1, 9, before=(first[-1].created_at, first[-1].id)
        )

    assert sent == {7: 1}
    assert reasons == {"1": {"unsubscribed": 2, "rejected": 1}}
    assert len({row.id for row in [*first, *rest]}) == 5


def test_members_and_people_are_listed_newest_first(database, shop):
    with db.transaction() as session:
        session.add(List(shop_id=shop.id, id=5, name="Newsletter", created_at=AT))
        for n, name in enumerate(["Ana", "Änne", "ana_", "Bo"]):
            session.add(
                Profile(shop_id=shop.id, id=n + 1, first_name=name, last_name="Å",
                        email=f"{n}@example.com", created_at=AT,
                        last_active_at=AT - timedelta(hours=n))
            )  # fmt: skip
            add_member(session, shop.id, 5, n + 1, at=AT + timedelta(hours=n), source="form:1")
        session.flush()
        joined = lists.members_page(session, shop.id, 5, limit=3)
        last = lists.members_page(
            session, shop.id, 5, before=(joined[-1].joined_at, joined[-1].profile_id)
        )
        new = profiles.count_new(session, shop.id, AT, AT + timedelta(seconds=1))

    assert [m.profile_id for m in joined] == [4, 3, 2]
    assert [m.profile_id for m in last] == [1]
    assert new == 4


def test_subscribers_are_those_who_last_said_yes(database, shop):
    def said(address, state, at):
        return {
            "shop_id": shop.id, "id": (n := new_id()), "dedupe_key": str(n), "channel": "email",
            "address": address, "state": state, "occurred_at": at, "recorded_at": at,
            "source": "form",
        }  # fmt: skip

    with db.transaction() as session:
        consent.record_consent(
            session,
            [
                said("a@example.com", ConsentState.SUBSCRIBED, AT),
                said("b@example.com", ConsentState.SUBSCRIBED, AT - timedelta(days=60)),
                said("c@example.com", ConsentState.SUBSCRIBED, AT),
                said("c@example.com", ConsentState.UNSUBSCRIBED, AT + timedelta(hours=1)),
            ],
        )
        everyone = consent.count_subscribers(session, shop.id)
        lately = consent.count_new(session, shop.id, AT, AT + timedelta(days=1))

    assert (everyone, lately) == (2, 1)


@pytest.mark.parametrize("ordered", [{}, {"ordered_value": 4000}])
def test_an_order_is_shown_with_what_it_came_to_when_it_was_placed(ordered):
    seen = {"presentment_value": 3600, "presentment_currency": "EUR"}
    value = 0 if ordered else 4000
    placed = Event(metric="Placed Order", value=value, currency="USD", properties=ordered | seen)

    assert words.amount(placed, NEW_YORK) == "$40.00 (€36.00)"
