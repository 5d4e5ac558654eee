"""F05, F14, F24, F26: what else may befall a town, without a kill."""

import html
import signal
from collections import Counter
from collections.abc import Generator
from datetime import timedelta

import httpx2
import pytest
from sqlmodel import col, insert, select

from admin_ui.kit import words
from devstore.people.merchant import Merchant
from storage.engine.ids import new_id
from storage.flows import Enrolment
from storage.messages import MessageState
from storage.profiles import Profile
from tests.faults.shoppers import Shoppers, reminded, welcomed
from tests.faults.town import KEY_HEADER, Town, eventually

FLOW = "Abandoned checkout"
WAITS_AN_HOUR, WAITS_A_DAY = ("waiting", "1"), ("waiting", "3")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """A town with a mail relay that detects repeats; the tests of this file share it."""
    with Town(tmp_path_factory.mktemp("town"), key_header=KEY_HEADER) as town:
        yield town


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """A town with a mail relay that takes every mail for a new one; shared, too."""
    with Town(tmp_path_factory.mktemp("town")) as town:
        yield town


def mails_to(town: Town, address: str) -> int:
    return [to for to, _ in town.mails()].count(address)


def hang_up_after_the_next_mail(town: Town) -> None:
    fault = {"kind": "drop_after_data", "times": 1}
    httpx2.post(f"{town.shop}/mailbox/fault", json=fault, trust_env=False).raise_for_status()


def test_f14_a_relay_that_detects_repeats_gets_a_cut_off_mail_again_once(town: Town) -> None:
    before, known = town.receptions(), town.message_states()[MessageState.ACCEPTED]
    hang_up_after_the_next_mail(town)
    Shoppers(town).shop(range(1), range(0))

    put_off = lambda: [m for m in town.messages() if m.skip_reason == "try_again"]  # noqa: E731
    (message,) = eventually("the mail is put off", put_off, within_s=30)
    assert message.state == MessageState.DUE
    assert mails_to(town, welcomed(0)) == 1
    town.skip_retries()

    accepted = lambda: town.message_states() == {MessageState.ACCEPTED: known + 1}  # noqa: E731
    eventually("the mail is accepted", accepted, within_s=30)
    assert town.receptions() - before == 2
    assert mails_to(town, welcomed(0)) == 1


def test_f14_a_plain_relay_gets_a_cut_off_mail_once_and_the_admin_shows_it(
    plain: Town,
) -> None:
    hang_up_after_the_next_mail(plain)
    Shoppers(plain).shop(range(1), range(0))

    doubtful = lambda: plain.message_states() == {MessageState.AMBIGUOUS: 1}  # noqa: E731
    eventually("the mail is in doubt", doubtful, within_s=30)
    plain.pass_time(timedelta(days=2))
    Shoppers(plain).shop(range(1, 2), range(0))
    # The relay has a mail a moment before its worker writes that down.
    sent = lambda: plain.message_states() == {MessageState.ACCEPTED: 1, MessageState.AMBIGUOUS: 1}  # noqa: E731
    eventually("another is sent", sent, within_s=30)
    assert [mails_to(plain, welcomed(n)) for n in range(2)] == [1, 1]
    (message,) = [each for each in plain.messages() if each.state == MessageState.AMBIGUOUS]
    with Merchant(plain.shop) as merchant:
        page = merchant.open(f"/audience/profiles/{message.profile_id}")
    assert words.REASONS["ambiguous"] in html.unescape(page)


def test_f05_an_emptied_broker_loses_nothing_that_was_queued_in_it(town: Town) -> None:
    answering, leaving = range(100, 200), range(100, 140)
    before = town.message_states()[MessageState.ACCEPTED]
    town.signal("worker", signal.SIGSTOP)  # jobs enqueued now stay in the broker
    Shoppers(town).shop(answering, leaving)
    eventually("the store has told everything", town.delivered, within_s=60)
    assert not town.told()
    assert not mails_to(town, welcomed(100))

    town.ask_broker("FLUSHALL")
    assert town.ask_broker("DBSIZE") == b":0\r\n"
    town.signal("worker", signal.SIGCONT)

    def done() -> bool:
        town.skip_retries()
        waiting = town.enrolments(FLOW)[WAITS_AN_HOUR]
        accepted = town.message_states()[MessageState.ACCEPTED] - before
        return (waiting, accepted) == (len(leaving), len(answering))

    eventually("all that was queued is done", done, within_s=90)
    received = [to for to, _ in town.mails()]
    assert [received.count(welcomed(n)) for n in answering] == [1] * len(answering)


def test_f24_50_000_waiting_enrolments_delay_no_other(town: Town) -> None:
    her_email = reminded(900)
    Shoppers(town).shop(range(0), range(900, 901))
    enrolment = (
        select(Enrolment)
        .join(Profile, col(Profile.id) == Enrolment.profile_id)
        .where(Profile.email == her_email, col(Enrolment.delay_started))
    )
    with town.session() as session:
        hers = eventually("she waits", lambda: session.exec(enrolment).first(), within_s=30)
        crowd = {**hers.model_dump(), "action_id": "3", "delay_started": True, "lease_until": 0.0}
        crowd["due_at"] = town.now() + timedelta(days=3)
        people = [
            {"id": new_id(), "profile_id": new_id(), "trigger_key": f"crowd-{n}"}
            for n in range(50_000)
        ]
        session.connection().execute(insert(Enrolment), [crowd | each for each in people])
        session.commit()
        hers.due_at = town.now() + timedelta(seconds=2)
        session.add(hers)
        session.commit()

    passed = lambda: town.enrolments(FLOW)[WAITS_A_DAY] == 50_001  # noqa: E731
    eventually("her step is done", passed, within_s=2 + 5)
    eventually("her mail is there", lambda: mails_to(town, her_email) == 1, within_s=15)


def test_f26_an_orderly_stop_during_work_leaves_no_ambiguous_message(plain: Town) -> None:
    mails, states = plain.count_mails(), plain.message_states()
    Shoppers(plain).shop(range(0), range(40))
    waiting = lambda: plain.enrolments(FLOW)[WAITS_AN_HOUR] == 40  # noqa: E731
    eventually("all of them wait", waiting, within_s=60)
    plain.pass_time(timedelta(hours=1))
    some = lambda: plain.count_mails() - mails >= 5  # noqa: E731
    eventually("some have their mail", some, within_s=30, every_s=0.01)

    assert plain.count_mails() - mails < 40
    assert plain.stop_app(within_s=30) == 0
    left = plain.message_states() - states
    assert not set(left) - {MessageState.ACCEPTED, MessageState.DUE}
    plain.start_app()

    after = states + Counter({MessageState.ACCEPTED: 40})
    eventually("the others have theirs", lambda: plain.message_states() == after, within_s=60)
    assert plain.count_mails() - mails == 40
    assert len(set(plain.mails())) == len(plain.mails())
