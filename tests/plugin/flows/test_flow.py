"""Flows: who enters, who waits how long, who leaves, and that no step is done twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.flows import definition as flow_definition
from plugin.flows.advance import MAX_ATTEMPTS, advance_enrolments
from plugin.flows.library import add_flow, set_status
from plugin.ingest.digest import apply_facts
from storage import flows
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState
from storage.messages import Message
from storage.profiles import IdentityKind
from tests.plugin.flows.ready import abandoned_checkout

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAYA = ProfileFact(
    (IdentityKey(IdentityKind.EMAIL, "maya@example.com"),), START, {"email": "maya@example.com"}
)


class Time:
    """A clock that we move."""

    def __init__(self) -> None:
        self.at = START

    def pass_(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def time(monkeypatch) -> Time:
    time = Time()
    monkeypatch.setattr(clock, "now", lambda: time.at)
    return time


@pytest.fixture
def reminders(database, shop, time) -> int:
    """A live abandoned-checkout flow."""
    with db.transaction() as session:
        flow_id = add_flow(session, shop.id, "Abandoned checkout", abandoned_checkout())
    set_status(shop.id, flow_id, True)
    return flow_id


def tell(shop, metric: str, unique_id: str, at: datetime) -> None:
    apply_facts(
        shop, Facts(profiles=[MAYA], events=[EventFact(MAYA, metric, unique_id, at, value=1)])
    )


def work(shop) -> None:
    """What clock and worker do once."""
    with db.transaction() as session:
        due = flows.claim_due(session, clock.now(), 100)
    advance_enrolments(shop.id, [enrolment_id for _, enrolment_id in due])


def free_leases(shop) -> None:
    with db.transaction() as session:
        for enrolment in enrolments(shop):
            enrolment.lease_until = 0
            session.merge(enrolment)


def enrolments(shop) -> list[Enrolment]:
    with db.reading() as session:
        return list(session.exec(select(Enrolment).where(Enrolment.shop_id == shop.id)))


def mails(shop) -> list[str]:
    with db.reading() as session:
        found = session.exec(select(Message).where(Message.shop_id == shop.id))
        return sorted(message.action_id for message in found)


def pass_and_work(shop, time, **by: float) -> None:
    time.pass_(**by)
    free_leases(shop)
    work(shop)


def test_an_abandoned_checkout_gets_reminders_after_an_hour_and_a_day(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time)
    assert mails(shop) == []

    pass_and_work(shop, time, minutes=59, seconds=59)
    assert mails(shop) == []

    pass_and_work(shop, time, seconds=2)
    assert mails(shop) == ["2"]

    pass_and_work(shop, time, hours=23, minutes=59)
    assert mails(shop) == ["2"]

    pass_and_work(shop, time, minutes=2)
    assert mails(shop) == ["2", "4"]
    assert [e.state for e in enrolments(shop)] == ["finished"]


def test_an_order_ends_the_reminders_at_once(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time, hours=1, seconds=1)

    tell(shop, "Placed Order", "1", time.at)

    (enrolment,) = enrolments(shop)
    assert (enrolment.state, enrolment.exit_reason) == (EnrolmentState.EXITED, "did:Placed Order")
    pass_and_work(shop, time, days=2)
    assert mails(shop) == ["2"]


def test_an_order_ends_a_flow_that_has_sent_nothing_yet(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)

    tell(shop, "Placed Order", "1", time.at)

    (enrolment,) = enrolments(shop)
    assert (enrolment.state, enrolment.exit_reason) == (EnrolmentState.EXITED, "did:Placed Order")


def test_a_queued_message_is_given_to_a_worker_at_once(shop, time, reminders, broker):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time)
    assert broker.queues["send"].qsize() == 0

    pass_and_work(shop, time, hours=1, seconds=1)

    assert broker.queues["send"].qsize() == 1


def test_a_flow_may_be_entered_again_only_after_its_time(shop, time):
    once_a_week = {"reentry_criteria": {"duration": 1, "unit": "week"}}
    with db.transaction() as session:
        flow_id = add_flow(session, shop.id, "Reminders", abandoned_checkout() | once_a_week)
    set_status(shop.id, flow_id, True)

    tell(shop, "Checkout Started", "c1", time.at)
    time.pass_(days=6, hours=23)
    tell(shop, "Checkout Started", "c2", time.at)
    assert len(enrolments(shop)) == 1

    time.pass_(hours=1)
    tell(shop, "Checkout Started", "c3", time.at)
    assert len(enrolments(shop)) == 2


def test_an_order_recorded_before_its_checkout_starts_no_reminders(shop, time, reminders):
    time.pass_(minutes=10)
    tell(shop, "Placed Order", "1", START + timedelta(minutes=5))
    tell(shop, "Checkout Started", "c1", START)

    assert enrolments(shop) == []


def test_an_order_from_before_the_checkout_does_not_count(shop, time, reminders):
    tell(shop, "Placed Order", "1", START - timedelta(days=1))
    tell(shop, "Checkout Started", "c1", START)

    assert len(enrolments(shop)) == 1


def test_the_same_event_enrols_once_however_often_it_is_told(shop, time, reminders):
    for _ in range(3):
        tell(shop, "Checkout Started", "c1", START)

    assert len(enrolments(shop)) == 1


def test_old_news_starts_no_flow(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START - timedelta(hours=25))

    assert enrolments(shop) == []


def test_a_step_that_is_offered_twice_is_done_once(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time)
    time.pass_(hours=2)
    ids = [enrolment.id for enrolment in enrolments(shop)]

    for _ in range(3):
        advance_enrolments(shop.id, ids)

    assert mails(shop) == ["2"]


def test_switching_a_flow_off_lets_everybody_leave_at_the_next_step(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time)
    set_status(shop.id, reminders, False)

    pass_and_work(shop, time, hours=2)

    assert mails(shop) == []
    assert [e.exit_reason for e in enrolments(shop)] == ["flow_off"]


def test_a_new_enrolment_is_not_offered_again_while_its_job_is_on_the_way(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)

    with db.transaction() as session:
        assert flows.claim_due(session, time.at, 100) == []


def test_f04_a_due_step_is_claimed_by_one_clock_only(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    free_leases(shop)

    with db.transaction() as session:
        first = flows.claim_due(session, time.at, 100)
    with db.transaction() as session:
        second = flows.claim_due(session, time.at, 100)

    assert (len(first), len(second)) == (1, 0)


def test_a_spoilt_enrolment_fails_alone(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    tell(shop, "Checkout Started", "c2", START)
    spoilt, sound = enrolments(shop)
    with db.transaction() as session:
        spoilt.action_id = "gone"
        session.merge(spoilt)

    for _ in range(MAX_ATTEMPTS):
        assert {e.state for e in enrolments(shop)} == {EnrolmentState.WAITING}
        advance_enrolments(shop.id, [spoilt.id, sound.id])
        free_leases(shop)

    states = {e.id: e.state for e in enrolments(shop)}
    assert states == {spoilt.id: "failed", sound.id: "waiting"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"entry_action_id": "9"}, "entry_action_id 9 is no action"),
        ({"triggers": [{"type": "price-drop"}]}, r"triggers\[0\].type price-drop isn't supported"),
        ({"actions": []}, "actions is wrong: List should have at least 1"),
    ],
)
def test_a_flow_that_cannot_be_run_says_why(change, sentence):
    with pytest.raises(RegularsError, match=sentence):
        flow_definition.parse_definition({**abandoned_checkout(), **change})


def test_s31_a_circular_flow_is_refused():
    definition = abandoned_checkout()
    definition["actions"][3]["links"]["next"] = "1"

    with pytest.raises(RegularsError, match="never end"):
        flow_definition.parse_definition(definition)


def test_an_order_takes_back_a_last_reminder_that_was_queued_but_not_sent(shop, time, reminders):
    tell(shop, "Checkout Started", "c1", START)
    pass_and_work(shop, time, hours=2)
    pass_and_work(shop, time, days=2)
    assert [e.state for e in enrolments(shop)] == ["finished"]

    tell(shop, "Placed Order", "1", time.at)

    with db.reading() as session:
        found = session.exec(select(Message).where(Message.shop_id == shop.id))
        assert {(m.state, m.skip_reason) for m in found} == {("skipped", "did:Placed Order")}


def test_a_flow_that_cannot_be_read_stops_no_other(shop, time, reminders):
    with db.transaction() as session:
        unread = add_flow(session, shop.id, "From a newer version", abandoned_checkout())
        version = flows.get_flow_version(session, shop.id, unread, 1)
        version.definition = {**version.definition, "from_tomorrow": True}
        session.add(version)
    set_status(shop.id, unread, True)

    tell(shop, "Checkout Started", "c1", START)

    assert {enrolment.flow_id for enrolment in enrolments(shop)} == {reminders}
