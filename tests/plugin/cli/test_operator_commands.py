"""`regulars shops`, `retry` and `send-test`: an operator's look at the stores and the relay."""

from datetime import timedelta

import pytest

from plugin.channels.email import smtp
from plugin.settings import get_settings
from storage import failed_webhooks, inbox, inbox_claims, shops, suppressions
from storage.arrivals import NewDelivery, add_deliveries, take_in_arrivals
from storage.engine import db
from storage.inbox import DeliveryState
from tests.conftest import NOW

REASON = "the order has no currency"
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def failed(run, shop):
    """Three webhooks that could not be digested."""
    rows = [
        NewDelivery(shop.id, f"w{each}", topic, "2026-10", "", NOW, b"{}")
        for each, topic in enumerate(("orders/create", "orders/create", "customers/update"))
    ]
    add_deliveries(rows)
    with db.inbox_transaction() as session:
        take_in_arrivals(session)
        for row, reason in zip(rows, (REASON, "100% unread", REASON), strict=True):
            inbox_claims.settle_deliveries(
                session, shop.id, [row.webhook_id], DeliveryState.QUARANTINED, error=reason
            )


def waiting(shop):
    """Which of them are read again."""
    with db.inbox_reading() as session:
        found = [inbox.get_delivery(session, shop.id, f"w{each}") for each in range(3)]
    return [row.webhook_id for row in found if row.state == DeliveryState.NEW]


def test_each_store_is_a_line_with_its_state_and_counts(run, shop, failed):
    with db.transaction() as session:
        shops.add_shop(session, "away.myshopify.com", NOW)
        gone = shops.shop_by_domain(session, "away.myshopify.com")
        shops.uninstall(session, gone.id, NOW + timedelta(days=3))
        shops.mark_synced(session, shop.id, NOW)

    assert run("shops").splitlines() == [
        "store                   state        since       profiles  subscribers  failed webhooks",
        "away.myshopify.com      uninstalled  2026-11-24  0         0            0",
        "dewpoint.myshopify.com  installed    2026-11-21  0         0            3",
    ]


@pytest.mark.parametrize(
    ("words", "released", "said"),
    [
        ((), ["w0", "w1", "w2"], "3 of dewpoint.myshopify.com will be read again."),
        (("--topic", "orders/create"), ["w0", "w1"], "2 of dewpoint.myshopify.com will"),
        (("--reason", "No Currency"), ["w0", "w2"], "2 of dewpoint.myshopify.com will"),
        (("--reason", "%"), ["w1"], "1 of dewpoint.myshopify.com will"),
        (("--topic", "refunds/create"), [], "has no such failed webhooks"),
        (("--shop", "other.myshopify.com"), [], "Regulars is not installed on other.my"),
    ],
)
def test_o14_failed_webhooks_are_read_again_by_store_topic_and_reason(
    run, shop, broker, failed, words, released, said
):
    assert said in run("retry", *words)

    assert waiting(shop) == released
    assert broker.queues["digest"].qsize() == bool(released)
    with db.inbox_reading() as session:
        assert failed_webhooks.count_quarantined(session, shop.id) == 3 - len(released)


def test_failed_webhooks_are_listed_by_topic_and_reason(run, failed):
    assert run("retry", "--list").splitlines() == [
        "webhooks  topic             reason",
        f"1         customers/update  {REASON}",
        "1         orders/create     100% unread",
        f"1         orders/create     {REASON}",
    ]


def test_a_test_mail_goes_through_the_relay_and_is_one_line(run, relay):
    said = run("send-test", "Ops@Example.com")

    assert said == (
        "127.0.0.1 took the test mail from hello@dewpoint.example to ops@example.com. "
        "Look for it there."
    )
    [mail] = relay.mails()
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", "Test mail from Regulars")
    run("send-test", "ops@example.com", "--from", "me@mine.example")
    assert [mail["From"] for mail in relay.mails()][1] == "me@mine.example"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "nonsense is not an email address."),
        (("ops@example.com", "--from", "nonsense"), "nonsense is not an email address."),
        (("gone@example.com",), "This address asked not to be written to."),
        (("refused@example.com",), "The mail relay answered 550 5.1.1 to RCPT TO."),
    ],
)
def test_a_test_mail_that_cannot_go_is_refused_in_a_sentence(run, relay, shop, words, said):
    with db.transaction() as session:
        suppressions.suppress_addresses(session, shop.id, [("email", "gone@example.com")], NOW)
    if "refused@example.com" in words:
        relay.answers = ["550 5.1.1 no such user"]

    assert said in run("send-test", *words)
    assert relay.mails() == []


def test_without_a_relay_or_a_sender_a_test_mail_says_what_to_set(run, relay, shop, monkeypatch):
    with db.transaction() as session:
        shops.get_shop(session, shop.id).sender_email = ""
    assert run("send-test", "ops@example.com") == (
        "dewpoint.myshopify.com has no sender yet. Set one in its settings, or add --from."
    )
    smtp.close_connection()
    monkeypatch.setenv("REGULARS_SMTP_URL", "")
    get_settings.cache_clear()
    assert run("send-test", "ops@example.com") == (
        "No mail can be sent: REGULARS_SMTP_URL is not set. "
        "Set it, as smtp://user:password@mail.example.com:587."
    )
