"""What a shopper's page says of flows and mails, and pages that were opened by hand."""

from admin_ui.kit import words
from admin_ui.kit.language import Language
from plugin import clock
from storage import consent, events, profiles
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Enrolment
from storage.messages import Message
from storage.profiles import Identity, Profile


def test_a_profile_says_that_a_flow_ended_without_a_mail(merchant, shop, filled):
    """And a mail of no flow stands on the timeline without a dot before its address."""
    now = clock.now()
    with db.transaction() as session:
        entered = Enrolment(
            shop_id=shop.id, id=new_id(), flow_id=filled["Abandoned checkout"], version=1,
            profile_id=filled["profile"], trigger_key="unsent", state="finished", action_id="1",
            due_at=now, started_at=now, entered_at=now, ended_at=now,
        )  # fmt: skip
        session.add(entered)
        for key, enrolment_id in (("skipped", entered.id), ("asked", None)):
            skipped = Message(
                shop_id=shop.id, id=new_id(), idempotency_key=key, channel="email",
                profile_id=filled["profile"], address="dee@example.com", state="skipped",
                skip_reason="no_consent", template_id=1, due_at=now, created_at=now,
                enrolment_id=enrolment_id,
            )  # fmt: skip
            session.add(skipped)
    text = merchant.fetch(f"/audience/profiles/{filled['profile']}").text

    assert "Finished, nothing sent" in text
    assert '<p class="quiet">dee@example.com</p>' in text


def test_the_reading_of_the_past_opened_by_hand_is_the_home_page(merchant, filled):
    opened = merchant.open("/past")
    assert opened.status_code == 302
    assert opened.headers["Location"].startswith("/?")
    assert "id_token=" in opened.headers["Location"]

    assert merchant.fetch("/past").text.lstrip().startswith('<div id="past"')


def test_who_asks_the_store_is_unsubscribed_by_one_button(merchant, shop, filled):
    profile_id = filled["profile"]
    page = f"/audience/profiles/{profile_id}"
    with db.reading() as session:
        email = profiles.get_profile(session, shop.id, profile_id).email
    assert f'action="{page}/unsubscribe"' in merchant.fetch(page).text

    answer = merchant.post(f"{page}/unsubscribe")

    assert answer.headers["HX-Replace-Url"] == page
    assert "Edited by your team" in answer.text
    assert f'action="{page}/unsubscribe"' not in answer.text
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", email) == "unsubscribed"
        (entry, *_) = consent.ledger_of(session, shop.id, [("email", email)], limit=1)
        told = [event.metric for event in events.timeline(session, shop.id, profile_id)]
    assert (entry.source, entry.method) == ("merchant", "asked the store")
    assert "Unsubscribed from Email Marketing" in told
    assert "No changes." in merchant.post(f"{page}/unsubscribe").headers["HX-Trigger"]


def test_the_access_log_names_who_was_looked_at(merchant, shop, filled):
    merchant.fetch(f"/audience/profiles/{filled['profile']}")
    text = merchant.fetch("/settings/access").text

    with db.reading() as session:
        shopper = profiles.get_profile(session, shop.id, filled["profile"])
    name = words.person(shopper, Language("en", shop.timezone, shop.currency))
    assert f'<a href="/audience/profiles/{shopper.id}">{name}</a>' in text


def test_a_customer_is_one_click_from_shopify(merchant, shop, filled):
    with db.transaction() as session:
        session.add(
            Identity(shop_id=shop.id, kind="customer_id", value="7100000000001",
                     profile_id=filled["profile"], linked_at=clock.now())
        )  # fmt: skip
    text = merchant.fetch(f"/audience/profiles/{filled['profile']}").text

    assert '/admin/customers/7100000000001" target="_blank"' in text


def test_an_address_without_a_word_says_that_it_is_not_subscribed(merchant, shop):
    with db.transaction() as session:
        session.add(
            Profile(shop_id=shop.id, id=new_id(), email="new@example.com",
                    created_at=clock.now(), last_active_at=clock.now())
        )  # fmt: skip

    assert "Not subscribed" in merchant.fetch("/audience").text
