"""What a shop has few of is counted at each look; of what is many the page says when it was."""

from datetime import timedelta

import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock
from plugin.insight.counts import SLICE_JOB
from plugin.jobs import run_slice
from plugin.worker import scheduler
from storage import consent, duplicates, lists, profiles
from storage import counts as stored_counts
from storage.consent import Consent
from storage.duplicates import Duplicate
from storage.engine import db
from storage.engine.ids import new_id
from storage.lists import List, add_member
from storage.profiles import Profile
from storage.shops import Shop


@pytest.fixture
def shop_of_five(database: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop where more than three are many: five profiles, four of them on list 1."""
    monkeypatch.setattr(stored_counts, "MAX_EXACT_COUNT", 3)
    at = clock.now()
    with db.transaction() as session:
        for number in range(1, 6):
            session.add(Profile(shop_id=shop.id, id=number, created_at=at, last_active_at=at))
            session.add(
                Consent(shop_id=shop.id, channel="email", address=f"{number}@example.com",
                        state="subscribed", changed_at=at, ledger_entry_id=new_id())
            )  # fmt: skip
        for list_id, members in ((1, 4), (2, 2), (3, 0)):
            session.add(List(shop_id=shop.id, id=list_id, name=f"List {list_id}", created_at=at))
            for number in range(1, members + 1):
                add_member(session, shop.id, list_id, number, at=at, source="test")
        session.add(
            Duplicate(shop_id=shop.id, profile_id=1, other_profile_id=2, reason="typo", found_at=at)
        )
    return shop


def look(shop: Shop) -> tuple[object, ...]:
    """(profiles, subscribers, pairs, sizes of lists), each as (number, counted, at least)."""
    with db.reading() as session:
        sizes = lists.count_members(session, shop.id)
        counts = (
            profiles.count_profiles(session, shop.id),
            consent.count_subscribers(session, shop.id),
            duplicates.count_open(session, shop.id),
            *(sizes[list_id] for list_id in (1, 2, 3)),
        )
    return tuple((int(count), count.counted_at is not None, count.at_least) for count in counts)


def test_a_large_count_shows_a_lower_bound_until_it_is_counted(shop_of_five):
    few = ((1, False, False), (2, False, False), (0, False, False))
    many, counted = (3, False, True), ((5, True, False), (4, True, False))
    assert look(shop_of_five) == (many, many, few[0], many, *few[1:])

    run_slice(SLICE_JOB, shop_of_five.id)

    assert look(shop_of_five) == (counted[0], counted[0], few[0], counted[1], *few[1:])


def test_a_figure_follows_when_it_is_counted_again_and_goes_when_it_is_few(shop_of_five):
    run_slice(SLICE_JOB, shop_of_five.id)
    with db.transaction() as session:
        session.delete(session.get_one(Profile, (shop_of_five.id, 5)))

    assert look(shop_of_five)[0] == (5, True, False)
    run_slice(SLICE_JOB, shop_of_five.id)
    assert look(shop_of_five)[0] == (4, True, False)

    with db.transaction() as session:
        session.delete(session.get_one(Profile, (shop_of_five.id, 4)))
    run_slice(SLICE_JOB, shop_of_five.id)
    assert look(shop_of_five)[0] == (3, False, False)


def test_the_clock_recounts_after_five_minutes(
    shop_of_five: Shop, broker: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_slice(SLICE_JOB, shop_of_five.id)
    rings = broker.queues["tallies"]

    scheduler.enqueue_slices([SLICE_JOB])
    assert rings.qsize() == 0

    later = clock.now() + timedelta(minutes=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    scheduler.enqueue_slices([SLICE_JOB])
    assert rings.qsize() == 1
