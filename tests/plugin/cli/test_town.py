"""A town in a shop: it lies there as the digest would have left it."""

import pytest
from sqlalchemy import func
from sqlmodel import select

from plugin.cli import town
from plugin.consent import proof
from plugin.errors import RegularsError
from storage import consent, lists, profiles, search
from storage.engine import db
from storage.events import Event
from storage.messages import Message, MessageState
from storage.orders import Order, OrderLine
from storage.profiles import Identity, Profile
from storage.shops import Shop, shop_by_domain
from tests.state import check_activity

PEOPLE, EVENTS = 200, 4_000


@pytest.fixture
def settled(database: str, shop: Shop) -> Shop:
    town.load_demo_shop(shop.domain, PEOPLE, EVENTS, 7, quiet=True)
    return shop


def test_every_row_is_there_and_every_identity_leads_to_its_profile(settled):
    with db.reading() as session:
        ids = set(session.exec(select(Profile.id).where(Profile.shop_id == settled.id)))
        led = set(session.exec(select(Identity.profile_id).where(Identity.shop_id == settled.id)))
        events = session.exec(select(Event).where(Event.shop_id == settled.id)).all()
        ordered = session.exec(select(Order.id).where(Order.shop_id == settled.id)).all()
        lines = set(session.exec(select(OrderLine.order_id).where(OrderLine.shop_id == settled.id)))

    assert len(ids) == PEOPLE
    assert led == ids
    assert len(events) == EVENTS
    assert {event.profile_id for event in events} <= ids
    placed = {int(event.unique_id) for event in events if event.metric == "Placed Order"}
    assert placed == set(ordered) == lines


def test_the_ledger_of_its_consents_is_valid(settled):
    assert proof.check_ledger(settled.domain) == []
    with db.reading() as session:
        assert consent.count_subscribers(session, settled.id) > PEOPLE / 4


def test_a_profile_was_seen_when_it_did_something_last(settled):
    with db.reading() as session:
        latest = session.exec(
            select(Event.profile_id, func.max(Event.occurred_at))
            .where(Event.shop_id == settled.id, Event.metric == "Active on Site")
            .group_by(Event.profile_id)
        ).all()
        found = profiles.load_profiles(
            session, settled.id, [profile_id for profile_id, _ in latest]
        )

    for profile_id, at in latest:
        seen = found[profile_id]["last_active_at"]
        assert seen.isoformat() >= str(at).replace(" ", "T")[:19]


def test_every_day_is_counted(settled):
    with db.reading() as session:
        check_activity(session, settled.id)


def test_every_mail_that_was_sent_says_so_on_the_timeline(settled):
    with db.reading() as session:
        sent = session.exec(
            select(Message.id).where(
                Message.shop_id == settled.id, Message.state == MessageState.ACCEPTED
            )
        ).all()
        received = session.exec(
            select(Event.unique_id).where(
                Event.shop_id == settled.id, Event.metric == "Received Email"
            )
        ).all()

    assert sorted(map(str, sent)) == sorted(received)


def test_a_field_says_where_it_came_from(settled):
    with db.reading() as session:
        found = search.search_profiles(session, settled.id, "", limit=PEOPLE)

    named = [profile for profile in found if profile.email]
    assert {profile.field_sources["email"] for profile in named} == {"form", "shopify"}


def test_a_shop_that_is_not_there_is_made_with_its_lists(database, shop):
    town.load_demo_shop("elsewhere.myshopify.com", 20, 200, 7, quiet=True)

    with db.reading() as session:
        made = shop_by_domain(session, "elsewhere.myshopify.com")
        assert made is not None
        assert {found.name for found in lists.lists_of(session, made.id)} == {
            "Newsletter",
            "Early access",
        }


def test_a_shop_with_profiles_gets_no_demo_data(settled):
    with pytest.raises(RegularsError, match="empty shop"):
        town.load_demo_shop(settled.domain, 20, 200, 7, quiet=True)
