"""F20: a row that kills its worker is given up after five crashes, and no other row is."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlmodel import select, update

from plugin import clock
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.flows import advance, library
from plugin.ingest import digest
from plugin.messages import send
from storage import arrivals, flows
from storage.arrivals import NewDelivery
from storage.engine import db, faults
from storage.flows import Enrolment
from storage.inbox import Delivery, DeliveryState
from storage.shops import Shop
from tests.conftest import NOW
from tests.faults.town import ROOT
from tests.plugin.messages.world import build
from tests.sizes import PATIENCE

POISON = "w-250"
CROWD = 520  # more than are ever tried together


def keep(shop: Shop) -> None:
    def arrival(number: int) -> NewDelivery:
        body = {"id": number, "email": f"shopper-{number}@example.com", "updated_at": str(NOW)}
        raw = json.dumps(body).encode()
        return NewDelivery(
            shop.id, f"w-{number}", "customers/create", "2026-10", str(NOW), NOW, raw
        )

    arrivals.add_deliveries([arrival(number) for number in range(CROWD)])


def deaths_of(url: str, kind: str, poison: object, *more: object) -> int:
    """How many workers die of it until one ends its turn."""
    words = [sys.executable, "-m", "tests.faults.poisoned", url, kind, str(poison), *map(str, more)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=120 * PATIENCE, check=False)
    assert not done.returncode, done.stderr.decode()
    return int(done.stdout.split()[-1])


def let_leases_run_out(shop: Shop) -> None:
    with db.inbox_transaction() as session:
        session.connection().execute(
            update(Delivery).where(Delivery.shop_id == shop.id).values(lease_until=0.0)
        )


def deliveries(shop: Shop) -> dict[str, Delivery]:
    with db.inbox_reading() as session:
        found = session.exec(select(Delivery).where(Delivery.shop_id == shop.id))
        return {delivery.webhook_id: delivery for delivery in found}


def test_f20_a_delivery_that_kills_its_worker_is_quarantined_alone(sqlite: str, shop: Shop) -> None:
    keep(shop)
    deaths = deaths_of(sqlite, "delivery", POISON)

    found = deliveries(shop)
    poison = found.pop(POISON)
    assert deaths == digest.MAX_ATTEMPTS
    assert (poison.state, poison.attempts) == (DeliveryState.QUARANTINED, digest.MAX_ATTEMPTS + 1)
    assert "the worker died" in poison.error
    assert {delivery.state for delivery in found.values()} == {DeliveryState.DONE}
    assert max(delivery.attempts for delivery in found.values()) <= 3


def test_f20_a_database_that_is_away_for_long_puts_nothing_into_quarantine(
    sqlite: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise faults.passing_fault("SELECT 1", Exception("database is locked"))

    keep(shop)
    with monkeypatch.context() as patch:
        patch.setattr(digest, "apply_facts", away)
        for _ in range(2 * digest.MAX_ATTEMPTS):
            with pytest.raises(faults.PassingFaultError):
                digest.digest_deliveries()
            let_leases_run_out(shop)
    digest.digest_deliveries()

    assert {delivery.state for delivery in deliveries(shop).values()} == {DeliveryState.DONE}


def test_f20_a_message_that_kills_its_worker_is_given_up_alone(sqlite: str, shop: Shop) -> None:
    world = build(shop)
    ids = [world.queue() for _ in range(30)]  # more than are tried together after a death
    poison = ids[7]
    deaths = deaths_of(sqlite, "message", poison, shop.id, *ids)

    states = {each: world.read(each).state for each in ids}
    assert deaths == send.MAX_CRASHES
    assert states.pop(poison) == "failed"
    assert set(states.values()) == {"accepted"}
    assert max(world.read(each).crashes for each in states) <= 3


def test_f20_an_enrolment_that_kills_its_worker_is_given_up_alone(sqlite: str, shop: Shop) -> None:
    ids = leave_checkouts(shop, 30)
    poison = ids[7]
    deaths = deaths_of(sqlite, "enrolment", poison, shop.id, *ids)

    found = {each.id: each for each in enrolments(shop)}
    ended = found.pop(poison)
    assert deaths == advance.MAX_ATTEMPTS
    assert (ended.state, ended.exit_reason) == ("failed", "error")
    assert {(each.action_id, each.attempts) for each in found.values()} == {("3", 0)}


def leave_checkouts(shop: Shop, count: int) -> list[int]:
    """Return enrolments of shoppers who left the checkout two hours ago, with a first mail due."""
    library.seed_flows(shop.id)
    with db.reading() as session:
        for flow in flows.flows_of(session, shop.id):
            library.set_status(shop.id, flow.id, True)
    at = clock.now() - timedelta(hours=2)
    people = [
        ProfileFact(
            (IdentityKey("email", f"her-{number}@example.com"),),
            at,
            {"email": f"her-{number}@example.com"},
        )
        for number in range(count)
    ]
    left = [
        EventFact(she, "Checkout Started", f"c{number}", at, value=1)
        for number, she in enumerate(people)
    ]
    digest.apply_facts(shop, Facts(profiles=people, events=left))
    return [each.id for each in enrolments(shop)]


def enrolments(shop: Shop) -> list[Enrolment]:
    with db.reading() as session:
        found = session.exec(select(Enrolment).where(Enrolment.shop_id == shop.id))
        return sorted(found, key=lambda each: each.id)
