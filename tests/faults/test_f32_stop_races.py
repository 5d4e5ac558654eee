"""F32: a stop that comes while a batch is being sent: nothing is sent after it was recorded."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from plugin import clock
from plugin.messages import send as sending
from storage import consent
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import MessageState, add_messages
from storage.profiles import Profile
from tests.plugin.messages.world import Accepting, World, build, consent_row, use_provider
from tests.sizes import size

RACES = size(60, 1_000)
LATEST_S = 0.012  # about as long as it takes to make a mail


@pytest.fixture
def world(database: str, shop, monkeypatch: pytest.MonkeyPatch) -> World:
    use_provider(monkeypatch, Accepting())
    return build(shop)


def crowd(world: World) -> dict[int, str]:
    """Shoppers who agreed, with a mail that is due: {message id: address}."""
    now, found = clock.now() - timedelta(seconds=1), {}
    for number in range(RACES):
        profile_id, message_id, email = new_id(), new_id(), f"her-{number}@example.com"
        found[message_id] = email
        with db.transaction() as session:
            of = {"shop_id": world.shop.id}
            session.add(
                Profile(**of, id=profile_id, email=email, created_at=now, last_active_at=now)
            )
            consent.record_consent(
                session, [consent_row(world.shop.id, ConsentState.SUBSCRIBED, email)]
            )
            mail = {
                "id": message_id, "idempotency_key": f"mail:{message_id}", "channel": "email",
                "template_id": world.ids["checkout_reminder_1"], "event_id": world.event_id,
                "due_at": now, "created_at": now,
            }  # fmt: skip
            add_messages(session, [of | mail | {"profile_id": profile_id}])
    return found


def test_f32_nothing_is_sent_after_a_stop(world: World) -> None:
    random.seed(32)
    violations, stopped, sent = 0, 0, 0
    latest_s = LATEST_S
    with ThreadPoolExecutor(1) as worker:
        for message_id, email in crowd(world).items():
            batch = worker.submit(sending.send_messages, world.shop.id, [message_id])
            time.sleep(random.uniform(0, latest_s))
            with db.transaction() as session:
                consent.record_consent(
                    session, [consent_row(world.shop.id, ConsentState.UNSUBSCRIBED, email)]
                )
            when_stopped = world.read(message_id).state
            batch.result()
            while (
                world.read(message_id).state == MessageState.DUE
            ):  # put off, since the shopper was changing their consent
                sending.send_messages(world.shop.id, [message_id])
            after = world.read(message_id)
            violations += when_stopped == MessageState.DUE and after.state != MessageState.SKIPPED
            stopped += (after.state, after.skip_reason) == (MessageState.SKIPPED, "unsubscribed")
            sent += after.state != MessageState.SKIPPED
            # Close to the moment of sending, however busy the machine is.
            latest_s *= 1.2 if after.state == MessageState.SKIPPED else 0.9

    assert violations == 0
    assert stopped > 0
    assert sent > 0
    assert stopped + sent == RACES
