"""What a flow says of a message: whether it is on, who it is for, and how soon after another."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from plugin import clock
from storage.engine import db
from storage.flows import StepLog, StepOutcome
from storage.messages import Message, MessageState, SkipReason
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.plugin.flows.test_klaviyo_cases import ANA, save
from tests.plugin.ingest.storefront import Storefront

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
CHECKOUT = {
    "who": "ana@example.com", "metric": "Checkout Started", "at": "2026-11-21T12:00:00Z",
    "value": 4_000, "id": "c1", "properties": {},
}  # fmt: skip


@pytest.fixture
def store(shop: Shop, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Storefront:
    found = Storefront(shop, relay, START)
    monkeypatch.setattr(clock, "now", lambda: found.now)
    found.play(ANA)
    return found


def mail(number: int, then: int | None = None, **data: Any) -> dict[str, Any]:
    """A step that sends; `status` aside, the rest is of its message."""
    status = {"status": data.pop("status", "live")}
    return {
        "id": str(number), "type": "send-email", "links": {"next": then and str(then)},
        "data": {"message": {"template_id": "1", **data}, **status},
    }  # fmt: skip


def wait(number: int, then: int, hours: int) -> dict[str, Any]:
    return {
        "id": str(number), "type": "time-delay", "links": {"next": str(then)},
        "data": {"unit": "hours", "value": hours},
    }  # fmt: skip


def run(store: Storefront, *actions: dict[str, Any], hours: float = 100) -> None:
    """Save a flow of these steps, let a checkout start it, and time pass."""
    refusal = save(store.shop, {
        "triggers": [{"type": "metric", "id": "Checkout Started"}],
        "entry_action_id": "1", "actions": list(actions),
    })  # fmt: skip
    assert refusal == ""
    store.play([("(did)", CHECKOUT), ("(wait)", {"hours": hours})])


def messages(shop: Shop) -> dict[str, tuple[MessageState, str]]:
    """What became of the message of each action."""
    with db.reading() as session:
        found = session.exec(select(Message).where(Message.shop_id == shop.id))
        return {each.action_id: (each.state, each.skip_reason) for each in found}


SENT = (MessageState.ACCEPTED, "")
TOO_SOON = (MessageState.SKIPPED, SkipReason.SMART_SENDING)


@pytest.mark.parametrize("status", ["draft", "disabled"])
def test_shoppers_go_past_a_message_that_is_off(store: Storefront, status: str) -> None:
    run(store, mail(1, 2, status=status), mail(2))

    assert messages(store.shop) == {"2": SENT}
    logged = select(StepLog.action_id, StepLog.outcome).where(StepLog.shop_id == store.shop.id)
    with db.reading() as session:
        assert ("1", StepOutcome.SKIPPED) in session.exec(logged).all()


def test_shoppers_go_past_a_message_that_is_not_for_them(store: Storefront) -> None:
    buyers = {
        "condition_groups": [{"conditions": [{
            "type": "profile-metric", "metric_id": "Placed Order", "measurement": "count",
            "measurement_filter": {"type": "numeric", "operator": "greater-than", "value": 0},
            "timeframe_filter": {"type": "date", "operator": "alltime"},
        }]}]
    }  # fmt: skip

    run(store, mail(1, 2, additional_filters=buyers), mail(2))

    assert messages(store.shop) == {
        "1": (MessageState.SKIPPED, SkipReason.MESSAGE_FILTER),
        "2": SENT,
    }


@pytest.mark.parametrize(("hours", "second"), [(15, TOO_SOON), (17, SENT)])
def test_smart_sending_keeps_16_hours_between_mails(
    store: Storefront, hours: int, second: tuple[MessageState, str]
) -> None:
    run(store, mail(1, 2), wait(2, 3, hours), mail(3))

    assert messages(store.shop) == {"1": SENT, "3": second}


def test_smart_sending_counts_messages_that_go_without_it(store: Storefront) -> None:
    run(store, mail(1, 2, smart_sending_enabled=False), wait(2, 3, 1), mail(3))

    assert messages(store.shop) == {"1": SENT, "3": TOO_SOON}


@pytest.mark.parametrize(("apart", "sent"), [(0, 1), (10, 1), (17 * 60, 2)])
def test_a_flow_that_a_shopper_is_in_twice_sends_one_message_at_a_time(
    store: Storefront, apart: int, sent: int
) -> None:
    """Whatever other flows send them: a welcome mail must not cost them a reminder."""
    own = {"smart_sending_enabled": False, "regulars-smart-sending-in-flow": True}
    again = CHECKOUT | {"id": "c2", "at": (START + timedelta(minutes=apart)).isoformat()}
    run(store, wait(1, 2, 1), mail(2, **own), hours=apart / 60)
    store.play([("(did)", again), ("(wait)", {"hours": 2})])

    assert store.ask("reminders", []) == sent


def test_smart_sending_neither_stops_nor_counts_what_a_shopper_asked_for(
    store: Storefront,
) -> None:
    run(store, mail(1, 2, transactional=True), mail(2, 3), mail(3, transactional=True))

    assert messages(store.shop) == {"1": SENT, "2": SENT, "3": SENT}


@pytest.mark.parametrize("tracked", [True, False])
def test_links_name_the_mail_in_the_stores_analytics_where_the_flow_says_so(
    store: Storefront, tracked: bool
) -> None:
    run(store, mail(1, add_tracking_params=tracked))

    with db.reading() as session:
        links = session.exec(select(Message.links).where(Message.shop_id == store.shop.id)).one()
    assert any(re.search("utm_source=regulars", link) for link in links) is tracked
