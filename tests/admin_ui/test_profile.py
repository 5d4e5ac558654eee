"""What a shopper's page says of flows and mails, and pages that were opened by hand."""

from plugin import clock
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Enrolment
from storage.messages import Message


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
