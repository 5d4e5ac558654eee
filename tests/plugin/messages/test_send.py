import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock
from plugin.channels.base import Envelope, SendError
from plugin.channels.email import smtp
from plugin.messages import draft, outcome
from plugin.messages import send as sending
from plugin.messages.render import Rendered, render_message
from plugin.messages.send import resolve_stuck, send_messages
from plugin.settings import get_settings
from plugin.templates import library
from storage import message_claims
from storage.channels import Channel
from storage.consent_ledger import ConsentState
from storage.coupons import count_free
from storage.engine import db
from storage.events import timeline
from storage.flows import Enrolment, EnrolmentState, Flow, FlowStatus
from storage.message_claims import claim_due
from storage.messages import Message, SkipReason
from storage.preferences import PreferenceRow, SendingFrequency, save_preferences
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import MAYA, Accepting, World, build, use_provider


def metrics(world: World) -> list[str]:
    with db.reading() as session:
        return [e.metric for e in timeline(session, world.shop.id, world.profile_id)]


def make_due(world: World, message_id: int) -> None:
    world.change(Message, message_id, due_at=clock.now() - timedelta(seconds=1))


def strand(world: World, message_id: int) -> None:
    """Leave a message as a sender that died after `sending` leaves it."""
    world.change(
        Message, message_id, state="sending", provider="smtp", send_attempts=1, lease_until=1.0
    )


@pytest.fixture
def idempotent(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """The relay knows a repeated mail by a header."""
    relay.knows_repeats_by = "Resend-Idempotency-Key"
    monkeypatch.setenv("REGULARS_SMTP_IDEMPOTENCY_HEADER", relay.knows_repeats_by)
    get_settings.cache_clear()
    return relay


def test_a_due_message_is_sent_once_and_told_of(database: str, shop: Shop, relay: Relay) -> None:
    world = build(shop)
    message_id = world.queue()
    for _ in range(3):
        send_messages(shop.id, [message_id])

    row = world.read(message_id)
    (mail,) = relay.mails()
    assert (row.state, row.send_attempts, row.address) == ("accepted", 1, MAYA)
    assert row.sent_at is not None
    assert (row.subject, row.locale) == ("You left something in your bag", "en")
    assert (mail["Subject"], mail["To"]) == (row.subject, MAYA)
    assert row.links[0].startswith("http://127.0.0.1:8001")
    assert metrics(world).count("Received Email") == 1


def test_a_message_before_its_time_waits(world: World, relay: Relay) -> None:
    message_id = world.queue(due_at=clock.now() + timedelta(hours=1))
    send_messages(world.shop.id, [message_id])

    assert world.read(message_id).state == "due"
    assert not relay.raw


def test_two_workers_with_the_same_ids_send_each_once(
    database: str, shop: Shop, relay: Relay
) -> None:
    world = build(shop)
    ids = [world.queue() for _ in range(8)]

    def work(order: list[int]) -> None:
        send_messages(shop.id, order)
        smtp.close_connection()

    workers = [threading.Thread(target=work, args=(order,)) for order in (ids, ids[::-1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [world.read(i).state for i in ids] == ["accepted"] * 8
    assert len(relay.raw) == 8


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"smart_sending": True}, SkipReason.SMART_SENDING),
        ({"smart_sending_in_flow": True}, SkipReason.SMART_SENDING),
        ({}, SkipReason.FREQUENCY),
    ],
)
def test_of_two_messages_that_workers_send_to_a_shopper_at_once_one_goes(
    database: str,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    flags: dict[str, bool],
    reason: SkipReason,
) -> None:
    """Smart sending of two flows, of one that a shopper is in twice, and a wish for one a week."""
    world = build(shop)
    use_provider(monkeypatch, Accepting())
    if reason == SkipReason.FREQUENCY:
        with db.transaction() as session:
            wish: PreferenceRow = {
                "shop_id": shop.id, "channel": Channel.EMAIL, "address": MAYA,
                "frequency": SendingFrequency.WEEKLY, "paused_until": None,
                "declined_topic_ids": [], "changed_at": clock.now(),
            }  # fmt: skip
            save_preferences(session, [wish])
    both_may = threading.Barrier(2, timeout=1)

    def render(*args: Any, **kwargs: Any) -> Rendered:
        with suppress(threading.BrokenBarrierError):
            both_may.wait()
        return render_message(*args, **kwargs)

    monkeypatch.setattr(draft, "render_message", render)
    ids = [world.queue(**flags) for _ in range(2)]

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda each: send_messages(shop.id, [each]), ids))

    states = sorted((row.state, row.skip_reason) for row in map(world.read, ids))
    assert states == [("accepted", ""), ("skipped", reason)]


def test_no_transaction_is_open_while_the_relay_is_spoken_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Watching(Accepting):
        def send(self, envelope: Envelope, content: Any) -> str:
            with db.transaction():  # SQLite has one writer: this would wait for ours
                seen.append(world.read(envelope.message_id).state)
            return ""

    use_provider(monkeypatch, Watching())
    send_messages(world.shop.id, [world.queue()])

    assert seen == ["sending"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: w.say(ConsentState.UNSUBSCRIBED), "unsubscribed"),
        (lambda w: w.change(Flow, w.flow_id, status=FlowStatus.DRAFT), "flow_off"),
        (
            lambda w: w.change(
                Enrolment,
                w.enrolment_id,
                state=EnrolmentState.EXITED,
                exit_reason="did:Placed Order",
            ),
            "did:Placed Order",
        ),
    ],
)
def test_what_the_gate_refuses_is_skipped_with_its_reason(
    world: World, relay: Relay, change: Any, reason: str
) -> None:
    message_id = world.queue()
    change(world)
    send_messages(world.shop.id, [message_id])

    row = world.read(message_id)
    assert (row.state, row.skip_reason) == ("skipped", reason)
    assert not relay.raw


def test_the_welcome_mail_gives_each_message_its_own_code(world: World, relay: Relay) -> None:
    ids = [world.queue(library.WELCOME, event_id=None) for _ in range(2)]
    send_messages(world.shop.id, ids)

    codes = {world.read(i).coupon_code for i in ids}
    assert codes == {"WELCOME-A", "WELCOME-B"}
    for mail, row in zip(relay.mails(), [world.read(i) for i in ids], strict=True):
        assert row.coupon_code in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]


def test_an_empty_pool_is_refilled_while_its_message_waits_up_to_an_hour(
    world: World, relay: Relay, broker: StubBroker
) -> None:
    ids = [world.queue(library.WELCOME, event_id=None) for _ in range(3)]
    send_messages(world.shop.id, ids)
    last = world.read(ids[2])
    assert (last.state, last.skip_reason, last.send_attempts) == ("due", "waits_for_coupon", 0)
    assert timedelta(seconds=20) < last.due_at - clock.now() <= timedelta(seconds=30)
    assert broker.queues["refill"].qsize() == 1

    make_due(world, ids[2])
    send_messages(world.shop.id, ids)
    assert world.read(ids[2]).state == "due"

    world.change(Message, ids[2], created_at=clock.now() - timedelta(minutes=61))
    make_due(world, ids[2])
    send_messages(world.shop.id, ids)
    row = world.read(ids[2])
    assert (row.state, row.skip_reason) == ("skipped", "no_coupon")
    assert len(relay.raw) == 2


def test_f12_a_busy_relay_is_tried_again_later_and_later(world: World, relay: Relay) -> None:
    message_id = world.queue(library.WELCOME, event_id=None)
    relay.stage, relay.answers = "DATA", ["451 4.7.1 later", "421 4.7.0 later"]
    for attempt, wait in ((1, timedelta(minutes=1)), (2, timedelta(minutes=2))):
        make_due(world, message_id)
        send_messages(world.shop.id, [message_id])
        row = world.read(message_id)
        assert (row.state, row.skip_reason, row.send_attempts) == ("due", "try_again", attempt)
        assert wait * 0.95 < row.due_at - clock.now() <= wait * 1.5
    make_due(world, message_id)
    send_messages(world.shop.id, [message_id])

    assert world.read(message_id).state == "accepted"
    assert len(relay.raw) == 1
    with db.reading() as session:
        assert count_free(session, world.shop.id, world.ids["coupon"]) == 1


def test_f12_the_waits_double_to_six_hours_and_end_within_three_days() -> None:
    longest = sum((outcome.LONGEST_WAIT if n > 9 else timedelta(minutes=1.5 * 2 ** (n - 1))
                   for n in range(1, outcome.MAX_ATTEMPTS)), timedelta())  # fmt: skip

    assert all(timedelta(minutes=1) <= outcome.backoff(n) <= timedelta(hours=6)
               for n in range(1, 40))  # fmt: skip
    assert timedelta(hours=24) < longest <= timedelta(hours=72)


def test_f12_a_relay_that_never_takes_it_is_given_up_on(world: World, relay: Relay) -> None:
    message_id = world.queue(send_attempts=outcome.MAX_ATTEMPTS - 1)
    relay.answers = ["450 4.2.1 busy"]
    send_messages(world.shop.id, [message_id])

    row = world.read(message_id)
    assert (row.state, row.skip_reason) == ("failed", "gave_up")


def test_f13_l17_a_mailbox_that_is_gone_is_not_written_to_again(world: World, relay: Relay) -> None:
    first, second = world.queue(), world.queue(transactional=True)
    relay.answers = ["550 5.1.1 no such user"]
    send_messages(world.shop.id, [first, second])

    assert (world.read(first).state, world.read(first).skip_reason) == ("failed", "address_gone")
    assert (world.read(second).state, world.read(second).skip_reason) == ("skipped", "bounced")
    assert metrics(world).count("Bounced Email") == 1


def test_f13_a_policy_refusal_says_nothing_of_the_mailbox(world: World, relay: Relay) -> None:
    first, second = world.queue(), world.queue()
    relay.stage, relay.answers = "DATA", ["554 5.7.1 policy"]
    send_messages(world.shop.id, [first, second])

    assert (world.read(first).state, world.read(first).skip_reason) == ("due", "try_again")
    assert world.read(second).state == "accepted"


def test_f13_a_mail_that_a_relay_does_not_take_as_it_is_fails_alone(
    world: World, relay: Relay
) -> None:
    first, second = world.queue(), world.queue()
    relay.stage, relay.answers = "DATA", ["554 5.6.0 malformed"]
    send_messages(world.shop.id, [first, second])

    assert (world.read(first).state, world.read(first).skip_reason) == ("failed", "rejected")
    assert world.read(second).state == "accepted"


def test_f13_a_refused_sender_puts_mails_off_and_silences_no_recipient(
    world: World, relay: Relay
) -> None:
    ids = [world.queue(), world.queue(transactional=True)]
    relay.answers = ["550 5.1.1 Sender address rejected: user unknown"] * 2
    for each in ids:
        send_messages(world.shop.id, [each])

    for row in map(world.read, ids):
        assert (row.state, row.skip_reason, row.send_attempts) == ("due", "sender_refused", 0)
    assert "Bounced Email" not in metrics(world)


def test_f13_a_doubtful_mailbox_is_silenced_only_after_days_of_the_same(
    world: World, relay: Relay
) -> None:
    first, last = world.queue(), world.queue(send_attempts=outcome.MAX_ATTEMPTS - 1)
    relay.answers = ["550 5.2.1 too many mails to this user"] * 2
    send_messages(world.shop.id, [first])
    assert world.read(first).skip_reason == "try_again"
    assert "Bounced Email" not in metrics(world)

    send_messages(world.shop.id, [last])
    assert (world.read(last).state, world.read(last).skip_reason) == ("failed", "gave_up")
    assert metrics(world).count("Bounced Email") == 1


def test_f14_marketing_cut_off_after_data_is_ambiguous_and_not_repeated(
    world: World, relay: Relay
) -> None:
    message_id = world.queue()
    relay.stage, relay.answers = "DATA", ["drop"]
    for _ in range(3):
        send_messages(world.shop.id, [message_id])
        resolve_stuck()

    row = world.read(message_id)
    assert (row.state, row.skip_reason) == ("ambiguous", "ambiguous")
    assert len(relay.raw) == 1
    assert "Received Email" not in metrics(world)


def test_f14_a_cut_off_requested_mail_goes_once_more_after_ten_minutes(
    world: World, relay: Relay
) -> None:
    message_id = world.queue(transactional=True)
    relay.stage, relay.answers = "DATA", ["drop", "drop"]
    send_messages(world.shop.id, [message_id])
    assert world.read(message_id).state == "due"
    wait = world.read(message_id).due_at - clock.now()
    assert timedelta(minutes=9) < wait <= timedelta(minutes=10)

    make_due(world, message_id)
    send_messages(world.shop.id, [message_id])
    assert world.read(message_id).state == "ambiguous"
    assert len({mail["Message-ID"] for mail in relay.mails()}) == 1
    assert len(relay.raw) == 2


def test_f14_a_relay_that_knows_repeats_gets_it_again_and_delivers_one(
    world: World, idempotent: Relay
) -> None:
    message_id = world.queue()
    idempotent.stage, idempotent.answers = "DATA", ["drop"]
    send_messages(world.shop.id, [message_id])
    assert world.read(message_id).state == "due"

    make_due(world, message_id)
    send_messages(world.shop.id, [message_id])
    assert world.read(message_id).state == "accepted"
    assert len(idempotent.raw) == 2
    assert len(idempotent.mails()) == 1


@pytest.mark.parametrize(
    ("transactional", "state"), [(False, "ambiguous"), (True, "due")], ids=["marketing", "asked"]
)
def test_the_clock_resolves_a_message_with_a_dead_sender(
    database: str, shop: Shop, relay: Relay, transactional: bool, state: str
) -> None:
    world = build(shop)
    message_id = world.queue(transactional=transactional)
    strand(world, message_id)
    resolve_stuck()

    assert world.read(message_id).state == state
    send_messages(shop.id, [message_id])
    assert not relay.raw


def test_a_message_with_a_dead_sender_is_resent_to_a_repeat_safe_relay(
    world: World, idempotent: Relay
) -> None:
    message_id = world.queue()
    strand(world, message_id)
    resolve_stuck()
    make_due(world, message_id)
    send_messages(world.shop.id, [message_id])

    assert world.read(message_id).state == "accepted"
    assert len(idempotent.mails()) == 1


def test_a_message_that_is_being_sent_now_is_left_alone(world: World) -> None:
    message_id = world.queue()
    world.change(
        Message, message_id, state="sending", send_attempts=1, lease_until=time.time() + 60
    )
    resolve_stuck()

    assert world.read(message_id).state == "sending"


def test_f29_to_be_rung_for_while_a_worker_is_at_it_is_no_death(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.queue(), world.queue()

    class Rung(Accepting):
        def send(self, envelope: Envelope, content: Any) -> str:
            if envelope.message_id == first:
                for _ in range(2 * sending.MAX_CRASHES):
                    send_messages(world.shop.id, [first, second])
            return smtp.SmtpEmail().send(envelope, content)

    use_provider(monkeypatch, Rung())
    send_messages(world.shop.id, [first, second])

    assert [world.read(each).state for each in (first, second)] == ["accepted"] * 2
    assert [world.read(each).crashes for each in (first, second)] == [1, 1]
    assert len(relay.mails()) == 2


def claimed() -> list[tuple[int, int]]:
    """What the clock offers now, of all shops."""
    with db.transaction() as session:
        return message_claims.claim_due(session, clock.now(), 10, transactional=False)


def test_f29_who_has_no_time_gives_nothing_back_that_another_is_at(world: World) -> None:
    message_id = world.queue()
    with db.transaction() as session:
        late = message_claims.start_claim(session, world.shop.id, [message_id])
    world.change(Message, message_id, lease_until=1.0)  # it took longer than its lease
    with db.transaction() as session:
        begun = message_claims.start_claim(session, world.shop.id, [message_id])
    assert begun.ids == [message_id]

    for _ in range(2):
        with db.transaction() as session:
            message_claims.refund_attempt(session, world.shop.id, late)
            message_claims.release_claim(session, world.shop.id, [message_id])
        assert claimed() == []
        with db.transaction() as session:
            assert message_claims.start_claim(session, world.shop.id, [message_id]).ids == []
    assert world.read(message_id).crashes == 2

    with db.transaction() as session:
        message_claims.refund_attempt(session, world.shop.id, begun)
        message_claims.release_claim(session, world.shop.id, [message_id])
    assert claimed() == [(world.shop.id, message_id)]
    assert world.read(message_id).crashes == 1


def test_f04_an_answer_after_its_lease_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Accepting):
        def send(self, envelope: Envelope, content: Any) -> str:
            world.change(Message, envelope.message_id, lease_until=1.0)
            resolve_stuck()
            raise SendError("late", permanent=True, address_gone=True)

    use_provider(monkeypatch, Slow())
    message_id = world.queue()
    send_messages(world.shop.id, [message_id])

    assert world.read(message_id).state == "ambiguous"


def test_one_broken_message_does_not_hold_up_its_neighbours(world: World, relay: Relay) -> None:
    broken, fine = world.queue(channel="voice"), world.queue()
    gone = world.queue(template_id=404)
    send_messages(world.shop.id, [broken, gone, fine])

    assert [world.read(i).skip_reason for i in (broken, gone)] == ["no_channel", "no_template"]
    assert world.read(fine).state == "accepted"
    assert {"no_channel", "no_template"} < set(SkipReason)


def test_f20_a_message_that_breaks_us_is_given_up_after_some_tries(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: object, **more: object) -> None:
        raise TypeError("nobody foresaw this")

    monkeypatch.setattr(draft, "render_message", break_down)
    message_id = world.queue()
    for _ in range(sending.MAX_RENDER_ATTEMPTS):
        assert world.read(message_id).state == "due"
        make_due(world, message_id)
        now = clock.now()
        with pytest.raises(TypeError):
            send_messages(world.shop.id, [message_id])
        row = world.read(message_id)
        assert row.state == "failed" or row.due_at > now  # it is not tried again at once

    assert (row.state, row.skip_reason) == ("failed", "render")


def test_f26_a_turn_ends_in_time_and_the_rest_is_offered_at_once(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SLICE_SECONDS", 0.0)
    ids = [world.queue(lease_until=time.time() + 60) for _ in range(3)]

    def first_only(shop_id: int, message_id: int, catalog: object) -> None:
        time.sleep(0.01)

    monkeypatch.setattr(sending, "_send_one", first_only)
    send_messages(world.shop.id, ids)

    with db.transaction() as session:
        offered = claim_due(session, clock.now(), 10, transactional=False)
    assert {message_id for _, message_id in offered} >= set(ids[1:])


def test_an_offer_that_came_too_late_costs_one_look(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.queue() for _ in range(3)]
    send_messages(world.shop.id, ids)
    looked: list[int] = []
    monkeypatch.setattr(sending, "_send_one", lambda shop, message, catalog: looked.append(message))
    send_messages(world.shop.id, ids)

    assert len(relay.mails()) == 3
    assert looked == []


def test_what_is_logged_names_no_address(
    world: World, relay: Relay, capsys: pytest.CaptureFixture[str]
) -> None:
    send_messages(world.shop.id, [world.queue(), world.queue(library.WELCOME)])

    said = "".join(capsys.readouterr())
    assert "message.settled" in said
    assert MAYA not in said
    assert "WELCOME-" not in said
    smtp.close_connection()
