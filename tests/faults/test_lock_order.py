"""Every writer of a shopper's consent takes the same locks in the same order, so none deadlock."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from plugin.channels.base import Envelope, SendError
from plugin.messages import engagement
from plugin.messages import send as sending
from plugin.messages.engagement import RequestOrigin
from plugin.messages.links import Target
from storage import consent, consent_ledger
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.messages import lock_message
from tests.plugin.messages.world import MAYA, Accepting, World, build, use_provider
from tests.sizes import PATIENCE

WITHIN_S = 20.0
SHE = RequestOrigin("203.0.113.9", "Safari")

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def world(database, shop) -> World:
    return build(shop)


def somebody_waits() -> bool:
    with db.reading() as session:
        query = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database" \
            " WHERE NOT granted AND datname = current_database()"  # fmt: skip
        return bool(session.scalar(text(query)))


def beside_a_digest(world: World, message_id: int, act: Callable[[], object]) -> None:
    """Call `act` while a digest holds the shop's lock, the consent, and then the message."""
    with ThreadPoolExecutor(1) as hands:
        with db.transaction() as session:
            db.lock_shop(session, world.shop.id)
            consent_ledger.lock_chains(session, world.shop.id, [("email", MAYA)])
            acting = hands.submit(act)
            until = time.monotonic() + WITHIN_S * PATIENCE
            while not somebody_waits():
                assert time.monotonic() < until
                time.sleep(0.01)
            lock_message(session, world.shop.id, message_id)
        acting.result(WITHIN_S * PATIENCE)


def state(world: World) -> str | None:
    with db.reading() as session:
        return consent.consent_state(session, world.shop.id, "email", MAYA)


def test_a_way_out_that_meets_a_digest_waits_for_it(world, relay):
    message_id = world.queue()
    sending.send_messages(world.shop.id, [message_id])
    target = Target(world.shop.id, message_id)

    beside_a_digest(
        world,
        message_id,
        lambda: engagement.unsubscribe(target, SHE, source="one-click", words="Unsubscribe"),
    )

    assert state(world) == ConsentState.UNSUBSCRIBED


def test_a_bounce_that_meets_a_digest_waits_for_it(world, monkeypatch):
    class Gone(Accepting):
        def send(self, envelope: Envelope, content: Any) -> str:
            raise SendError("No such user", permanent=True, address_gone=True)

    use_provider(monkeypatch, Gone())
    message_id = world.queue()

    beside_a_digest(world, message_id, lambda: sending.send_messages(world.shop.id, [message_id]))

    assert state(world) == ConsentState.BOUNCED
    assert world.read(message_id).state == "failed"
