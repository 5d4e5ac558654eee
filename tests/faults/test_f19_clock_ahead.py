"""F19: what was claimed while the clock was a day ahead is offered again once it is right."""

from collections.abc import Callable, Generator

import pytest

from plugin import clock
from plugin.ingest import digest
from plugin.messages import send
from storage import flows, inbox_claims, message_claims
from storage.engine import db
from storage.messages import Message
from storage.shops import Shop
from tests.faults.test_f20_poison import CROWD, deliveries, keep, leave_checkouts
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import build

DAY_S = 86_400.0


@pytest.fixture
def set_right(database: str) -> Generator[Callable[[], None]]:
    """The database's clock is a day ahead until this is called."""
    there = db.database_time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "database_time", lambda session: there(session) + DAY_S)
        yield patch.undo


def claim_messages() -> set[int]:
    with db.transaction() as session:
        found = message_claims.claim_due(session, clock.now(), 100, transactional=False)
    return {message_id for _, message_id in found}


def test_f19_mails_that_were_claimed_a_day_ahead_are_sent(
    database: str, shop: Shop, relay: Relay, set_right: Callable[[], None]
) -> None:
    world = build(shop)
    ids = {world.queue() for _ in range(5)}
    assert claim_messages() == ids
    with db.transaction() as session:
        message_claims.start_claim(session, shop.id, sorted(ids))
    assert not claim_messages()  # and their worker is gone

    set_right()
    assert claim_messages() == ids
    send.send_messages(shop.id, sorted(ids))
    assert {world.read(each).state for each in ids} == {"accepted"}


def test_f19_a_mail_with_a_sender_that_died_a_day_ahead_is_settled(
    database: str, shop: Shop, set_right: Callable[[], None]
) -> None:
    world = build(shop)
    message_id = world.queue()
    with db.reading() as session:
        until = db.database_time(session) + send.SENDING_LEASE_S
    world.change(Message, message_id, state="sending", send_attempts=1, lease_until=until)
    send.resolve_stuck()
    assert world.read(message_id).state == "sending"

    set_right()
    send.resolve_stuck()
    assert world.read(message_id).state == "ambiguous"


def test_f19_webhooks_that_were_claimed_a_day_ahead_are_digested(
    database: str, shop: Shop, set_right: Callable[[], None]
) -> None:
    keep(shop)
    with db.inbox_transaction() as session:
        assert inbox_claims.claim_deliveries(session)

    set_right()
    with db.inbox_reading() as session:
        assert inbox_claims.has_due(session)
    assert digest.digest_deliveries() == CROWD
    assert {each.state for each in deliveries(shop).values()} == {"done"}


def test_f19_steps_that_were_claimed_a_day_ahead_are_offered_again(
    database: str, shop: Shop, set_right: Callable[[], None]
) -> None:
    ids = leave_checkouts(shop, 3)

    def claim() -> set[int]:
        with db.transaction() as session:
            found = flows.claim_due(session, clock.now(), 100)
        return {enrolment_id for _, enrolment_id in found}

    claim()
    assert not claim()
    set_right()
    assert claim() == set(ids)
