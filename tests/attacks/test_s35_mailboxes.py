"""S35: one mailbox, under whichever spelling and at however many shops of the installation, gets
one welcome and one confirmation a day because of what strangers type into forms.
"""

from collections import Counter
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.flows import library as flow_library
from plugin.forms import library as form_library
from plugin.mailboxes import parse_mailbox
from plugin.privacy import retention
from storage import consent, flows, messages, profiles, shops
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.forms import OptIn
from storage.mailbox_counts import MailboxCount
from storage.messages import SkipReason
from tests.rules.test_double_opt_in import button, set_opt_in, sign_up, work
from tests.webhooks.test_storefront import GOOD, signed
from webhooks.app import routes

SPELLINGS = [
    *(f"kim.lee+{n}@gmail.com" for n in range(12)), *(f"k.iml.ee+{n}@googlemail.com" for n in
    range(12)), "kimlee@gmail.com", "k.i.m.l.e.e@googlemail.com",
]  # fmt: skip


@pytest.fixture
def client(form_id):
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


@pytest.fixture
def shops_and_forms(shop, form_id):
    """Four shops with the form and the welcome flow switched on; the first is `shop`."""
    found = [(shop, form_id)]
    for number in range(3):
        with db.transaction() as session:
            other = shops.add_shop(
                session, f"shop-{number}.myshopify.com", clock.now(), name=f"Shop {number}",
                email="a@shop.example", sender_email="a@shop.example", postal_address="1 Lane",
            )  # fmt: skip
        flow_library.seed_flows(other.id)
        form = form_library.use_form(other.id, "skincare_quiz")
        with db.reading() as session:
            welcome = next(f for f in flows.flows_of(session, other.id) if f.name == "Welcome")
        form_library.set_status(other.id, form, True)
        flow_library.set_status(other.id, welcome.id, True)
        found.append((other, form))
    return found


def skipped(shop) -> Counter[str]:
    with db.reading() as session:
        rows = session.exec(
            messages.Message.__table__.select().where(messages.Message.shop_id == shop.id)
        )
        return Counter(row.skip_reason for row in rows)


def states(shop) -> Counter[str | None]:
    with db.reading() as session:
        return Counter(consent.consent_state(session, shop.id, "email", each) for each in SPELLINGS)


def test_s35_26_spellings_of_a_mailbox_get_one_welcome_and_one_confirmation(
    client, form_id, shop, relay
):
    assert {parse_mailbox(each) for each in SPELLINGS} == {"kimlee@gmail.com"}
    set_opt_in(shop, form_id, OptIn.SINGLE_OPT_IN)

    answers = {sign_up(client, form_id, email=each).text for each in SPELLINGS}
    work(shop)
    work(shop)

    subjects = Counter(mail["Subject"] for mail in relay.mails())
    assert subjects.pop("Please confirm your email address") == 1
    assert sum(subjects.values()) <= 1  # the welcome waits for its code
    assert states(shop) == {ConsentState.SUBSCRIBED: 1, ConsentState.PENDING: 25}
    assert skipped(shop)[SkipReason.MAILBOX_LIMIT] == 24
    assert len(answers) == 1, "whoever asks learns nothing"
    with db.reading() as session:
        assert profiles.count_profiles(session, shop.id) == 26, "no two were joined by it"


def test_s35_a_mailbox_that_is_signed_up_at_every_shop_is_asked_by_one(
    client, shops_and_forms, relay
):
    for each, form in shops_and_forms:
        set_opt_in(each, form, OptIn.DOUBLE_OPT_IN)
        url = signed(f"/proxy/forms/{form}/submit", each.domain, clock.now().timestamp())
        assert client.post(url, json={**GOOD, "email": "kim@shop.example"}).status_code == 200
        work(each)

    assert len(relay.mails()) == 1
    assert [skipped(each)[SkipReason.MAILBOX_LIMIT] for each, _ in shops_and_forms] == [0, 1, 1, 1]


def test_s35_the_next_day_is_a_new_one_and_nothing_is_kept_of_the_last(
    client, form_id, shop, relay, monkeypatch
):
    set_opt_in(shop, form_id, OptIn.DOUBLE_OPT_IN)
    sign_up(client, form_id, email="kim+1@shop.example")
    with db.reading() as session:
        (kept,) = session.exec(MailboxCount.__table__.select())
    assert "kim" not in f"{kept.keyed_hash}{kept.holder}"
    tomorrow = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)

    retention.delete_mailbox_counts()

    with db.reading() as session:
        assert session.exec(MailboxCount.__table__.select()).all() == []
    sign_up(client, form_id, email="kim+2@shop.example")
    assert skipped(shop)[SkipReason.MAILBOX_LIMIT] == 0


def test_s35_who_confirms_is_subscribed_whatever_others_typed(client, form_id, shop, relay):
    set_opt_in(shop, form_id, OptIn.SINGLE_OPT_IN)
    for address in ("kim+stranger@shop.example", "kim@shop.example"):
        sign_up(client, form_id, email=address)
    work(shop)
    (mail,) = [m for m in relay.mails() if m["Subject"] == "Please confirm your email address"]
    assert mail["To"] == "kim@shop.example"

    client.post(button(mail))

    with db.reading() as session:
        held = consent.consent_state(session, shop.id, "email", "kim@shop.example")
    assert held == ConsentState.SUBSCRIBED
