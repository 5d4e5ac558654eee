"""L12, S12: where an address is to be confirmed, nothing but one mail comes before the click."""

import re
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin import lists as list_actions
from plugin.flows import advance
from plugin.flows import library as flow_library
from plugin.forms import double_opt_in
from plugin.forms import library as form_library
from plugin.messages.send import send_messages
from storage import (
    confirmations,
    consent,
    events,
    flows,
    forms,
    lists,
    message_claims,
    profiles,
    suppressions,
)
from storage.confirmations import ConfirmationKind
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.forms import OptIn
from storage.messages import Message
from tests.webhooks.test_storefront import GOOD, signed
from webhooks.app import routes

ANNA = "anna@example.com"
GERMAN = {"email": ANNA, "locale": "de", "country": "DE"}


@pytest.fixture
def client(form_id):
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


def sign_up(client, form_id: int, **changes: Any) -> Any:
    url = signed(f"/proxy/forms/{form_id}/submit", at=clock.now().timestamp())
    headers = {"X-Forwarded-For": "203.0.113.9", "User-Agent": "Safari"}
    answered = client.post(url, json={**GOOD, **GERMAN, **changes}, headers=headers)
    assert answered.status_code == 200
    return answered


def work(shop) -> None:
    """Run everything that is due: steps of flows, then mails."""
    with db.transaction() as session:
        for row in session.exec(Message.__table__.select().where(Message.shop_id == shop.id)):
            message_claims.release_claim(session, shop.id, [row.id])
        session.execute(
            flows.Enrolment.__table__.update()
            .where(flows.Enrolment.shop_id == shop.id)
            .values(lease_until=0.0)
        )
    with db.transaction() as session:
        due = flows.claim_due(session, clock.now(), 100)
    advance.advance_enrolments(shop.id, [enrolment for _, enrolment in due])
    with db.transaction() as session:
        due = [
            each
            for awaited in (True, False)
            for each in message_claims.claim_due(session, clock.now(), 100, transactional=awaited)
        ]
    send_messages(shop.id, [message for _, message in due])


def set_opt_in(shop, form_id: int, opt_in: OptIn) -> None:
    with db.transaction() as session:
        form = forms.get_form(session, shop.id, form_id)
        form.opt_in = opt_in
        session.add(form)


def held(shop, channel: str = "email", address: str = ANNA) -> str | None:
    with db.reading() as session:
        return consent.consent_state(session, shop.id, channel, address)


def members(shop) -> int:
    with db.reading() as session:
        return sum(lists.count_members(session, shop.id).values())


def button(mail: Any) -> str:
    html = mail.get_body(("html",)).get_content()
    return str(re.search(r'href="http[^"]*(/a/[\w-]+)"', html)[1])


def test_l12_nothing_but_the_confirmation_comes_before_the_click(
    client, form_id, shop, relay, monkeypatch
):
    monkeypatch.setattr("plugin.messages.draft.jobs", _NoJobs)
    sign_up(client, form_id, phone="+4915112345678", consent={"email": True, "sms": True})
    work(shop)

    (mail,) = relay.mails()
    assert mail["Subject"] == "Please confirm your email address"
    assert (held(shop), held(shop, "sms", "+4915112345678"), members(shop)) == (
        ConsentState.PENDING,
        ConsentState.PENDING,
        0,
    )
    for _ in range(20):  # scanners follow links
        assert client.get(button(mail)).status_code == client.head(button(mail)).status_code == 200
    assert held(shop) == ConsentState.PENDING

    assert "Thank you, you&#39;re subscribed" in client.post(button(mail)).text

    assert (held(shop), members(shop)) == (ConsentState.SUBSCRIBED, 1)
    assert held(shop, "sms", "+4915112345678") == ConsentState.PENDING, "a mail proves no number"
    work(shop)
    with db.reading() as session:
        (welcome,) = [
            row
            for row in session.exec(Message.__table__.select().where(Message.shop_id == shop.id))
            if row.flow_id is not None
        ]
        told = consent.ledger_of(session, shop.id, [("email", ANNA)])
    assert welcome.skip_reason != "pending"
    assert [(e.state, e.source) for e in told] == [
        (ConsentState.SUBSCRIBED, "confirmation"),
        (ConsentState.PENDING, "form"),
    ]
    assert told[0].form_version == 1
    assert "Yes, subscribe me" in told[0].disclosure


class _NoJobs:
    """Drops the jobs that refill a coupon."""

    @staticmethod
    def enqueue(*args: object) -> None:
        return None


def test_l12_the_link_works_once_and_for_seven_days(client, form_id, shop, relay, monkeypatch):
    sign_up(client, form_id)
    work(shop)
    (mail,) = relay.mails()
    link, now = button(mail), clock.now()

    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: now + timedelta(days=7, minutes=1))
        assert client.post(link).status_code == 410
        assert held(shop) == ConsentState.PENDING
    assert client.post(link).status_code == 200
    with db.transaction() as session:
        at = clock.now() + timedelta(seconds=1)
        stop = {
            "shop_id": shop.id, "id": 1, "dedupe_key": "stop", "channel": "email", "address": ANNA,
            "state": ConsentState.UNSUBSCRIBED, "occurred_at": at, "recorded_at": at,
            "source": "link",
        }  # fmt: skip
        consent.record_consent(session, [stop])
    assert client.post(link).status_code == 410
    assert client.get(link).status_code == 410

    assert held(shop) == ConsentState.UNSUBSCRIBED, "an old link undoes no stop"


def test_l12_a_click_after_the_list_was_deleted_is_consent_alone(client, form_id, shop, relay):
    sign_up(client, form_id)
    work(shop)
    (mail,) = relay.mails()
    with db.reading() as session:
        (newsletter,) = lists.lists_of(session, shop.id)
        (welcome,) = list_actions.flows_triggered_by(session, shop.id, newsletter.id)
    form_library.set_status(shop.id, form_id, False)
    flow_library.set_status(shop.id, welcome.id, False)
    list_actions.delete_list(shop.id, newsletter.id)

    assert client.post(button(mail)).status_code == 200

    assert (held(shop), members(shop)) == (ConsentState.SUBSCRIBED, 0)


@pytest.mark.parametrize(
    ("apart", "times", "asked"),
    [
        (timedelta(minutes=2), 6, [0, 5]),
        (timedelta(minutes=11), 6, [0, 1, 2]),
        (timedelta(hours=9), 6, [0, 1, 2, 3, 4, 5]),
        (timedelta(hours=6), 9, [0, 1, 2, 4, 5, 6, 8]),
        (timedelta(days=2), 16, [*range(10), 15]),
        (timedelta(days=400), 5, [0, 1, 2, 3, 4]),
    ],
)
def test_s12_an_address_is_asked_so_often_and_never_for_good(
    client, form_id, shop, relay, monkeypatch, apart, times, asked
):
    now, answers = clock.now(), set()
    for n in range(times):
        monkeypatch.setattr(clock, "now", lambda n=n: now + n * apart)
        answers.add(sign_up(client, form_id, email="anna.b@gmail.com").text)

    with db.reading() as session:
        made = confirmations.requests_of(
            session, shop.id, ConfirmationKind.DOUBLE_OPT_IN, "annab@gmail.com", limit=100
        )
    assert [(each.requested_at - now) / apart for each in reversed(made)] == pytest.approx(asked)
    assert len(answers) == 1, "whoever asks learns nothing"


@pytest.mark.parametrize(
    ("opt_in", "said", "expected"),
    [
        (OptIn.BY_COUNTRY, {"country": "DE"}, ConsentState.PENDING),
        (OptIn.BY_COUNTRY, {"country": "AT"}, ConsentState.PENDING),
        (OptIn.BY_COUNTRY, {"country": "", "locale": "de"}, ConsentState.PENDING),
        (OptIn.BY_COUNTRY, {"country": "", "locale": "de-AT"}, ConsentState.PENDING),
        (OptIn.BY_COUNTRY, {"country": "US", "locale": "de"}, ConsentState.SUBSCRIBED),
        (OptIn.BY_COUNTRY, {"country": "", "locale": "en"}, ConsentState.SUBSCRIBED),
        (OptIn.SINGLE_OPT_IN, {"country": "DE"}, ConsentState.SUBSCRIBED),
        (OptIn.DOUBLE_OPT_IN, {"country": "US"}, ConsentState.PENDING),
    ],
)
def test_l12_the_country_decides_unless_the_form_does(
    client, form_id, shop, opt_in, said, expected
):
    set_opt_in(shop, form_id, opt_in)

    sign_up(client, form_id, **said)

    assert held(shop) == expected
    assert double_opt_in.double_opt_in_countries() == {"AT", "DE"}


def test_l12_a_strangers_form_leaves_a_subscriber_subscribed(client, form_id, shop):
    sign_up(client, form_id, country="US", locale="en")
    assert held(shop) == ConsentState.SUBSCRIBED

    sign_up(client, form_id)

    assert held(shop) == ConsentState.SUBSCRIBED
    with db.reading() as session:
        assert not confirmations.requests_of(session, shop.id, ConfirmationKind.DOUBLE_OPT_IN, ANNA)
        assert profiles.count_profiles(session, shop.id) == 1


def test_l12_a_number_is_confirmed_apart_from_a_mailbox_that_is_subscribed(client, form_id, shop):
    at_home = {"country": "US", "locale": "en", "browser_id": "b-1"}
    set_opt_in(shop, form_id, OptIn.SINGLE_OPT_IN)
    sign_up(client, form_id, **at_home)
    set_opt_in(shop, form_id, OptIn.DOUBLE_OPT_IN)

    sign_up(client, form_id, **TICKED | at_home)

    assert held(shop) == ConsentState.SUBSCRIBED
    assert held(shop, "sms", PHONE) == ConsentState.PENDING
    with db.reading() as session:
        told = {event.metric for event in events.latest_events(session, shop.id)}
        assert not confirmations.requests_of(session, shop.id, ConfirmationKind.DOUBLE_OPT_IN, ANNA)
    assert "Subscribed to SMS Marketing" not in told


PHONE = "+14155550123"
TICKED = {"country": "US", "locale": "en", "phone": PHONE, "consent": {"email": True, "sms": True}}


def shut(shop, by: str) -> None:
    """Remove the profiles of these addresses, and suppress or unsubscribe the addresses."""
    places = [("email", ANNA), ("sms", PHONE)]
    at = clock.now() - timedelta(days=1)
    with db.transaction() as session:
        if by == "erasure":
            suppressions.suppress_addresses(session, shop.id, places, at)
            return
        consent.record_consent(
            session,
            [
                {
                    "shop_id": shop.id, "id": number, "dedupe_key": f"stop:{number}",
                    "channel": channel, "address": address, "state": ConsentState.UNSUBSCRIBED,
                    "occurred_at": at, "recorded_at": at, "source": "link",
                }
                for number, (channel, address) in enumerate(places, 1)
            ],
        )  # fmt: skip


@pytest.mark.parametrize("by", ["erasure", "stop"])
def test_s15_only_the_mailbox_lifts_a_no_of_an_address_without_a_profile(
    client, form_id, shop, relay, by
):
    set_opt_in(shop, form_id, OptIn.SINGLE_OPT_IN)
    shut(shop, by)
    before = (held(shop), held(shop, "sms", PHONE))

    for _ in range(2):  # the first sender creates the profile, and comes again
        sign_up(client, form_id, **TICKED)

    assert (held(shop), held(shop, "sms", PHONE), members(shop)) == (*before, 0)
    work(shop)
    (mail,) = relay.mails()
    assert mail["Subject"] == "Please confirm your email address"
    assert "Thank you, you&#39;re subscribed" in client.post(button(mail)).text
    assert (held(shop), held(shop, "sms", PHONE), members(shop)) == (
        ConsentState.SUBSCRIBED,
        before[1],
        1,
    )
    with db.reading() as session:
        assert not suppressions.suppressed_addresses(session, shop.id, [("email", ANNA)])
