"""F20: a delivery that kills whoever touches it ends in quarantine; nobody else's does."""

import json
import signal
import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select, update

from plugin.events import digest
from storage import db, inbox
from storage.inbox import DONE, NEW, QUARANTINED, Arrival, Delivery
from storage.shops import Shop
from tests.conftest import NOW
from tests.faults.town import ROOT

POISON = "w-250"
CROWD = 520  # more than are ever tried together


def keep(shop: Shop) -> None:
    def arrival(number: int) -> Arrival:
        body = {"id": number, "email": f"shopper-{number}@example.com", "updated_at": str(NOW)}
        raw = json.dumps(body).encode()
        return Arrival(shop.id, f"w-{number}", "customers/create", "2026-10", str(NOW), NOW, raw)

    with db.inbox_transaction() as session:
        inbox.keep(session, [arrival(number) for number in range(CROWD)])


def run_a_worker(url: str) -> int:
    """A worker's exit code after it digested once."""
    words = [sys.executable, "-m", "tests.faults.poisoned", url, POISON]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGABRT), done.stderr.decode()
    return done.returncode


def let_leases_run_out(shop: Shop) -> None:
    with db.inbox_transaction() as session:
        session.connection().execute(
            update(Delivery).where(Delivery.shop_id == shop.id).values(lease_until=0.0)
        )


def deliveries(shop: Shop) -> dict[str, Delivery]:
    with db.inbox_reading() as session:
        found = session.exec(select(Delivery).where(Delivery.shop_id == shop.id))
        return {delivery.webhook_id: delivery for delivery in found}


def test_a_delivery_that_kills_its_worker_goes_to_quarantine_and_the_others_through(
    sqlite: str, shop: Shop
) -> None:
    keep(shop)
    deaths = 0
    while any(delivery.state == NEW for delivery in deliveries(shop).values()):
        deaths += run_a_worker(sqlite) == -signal.SIGABRT
        assert deaths <= digest.TRIES
        let_leases_run_out(shop)

    found = deliveries(shop)
    poison = found.pop(POISON)
    assert deaths == digest.TRIES
    assert (poison.state, poison.attempts) == (QUARANTINED, digest.TRIES + 1)
    assert "the worker died" in poison.error
    assert {delivery.state for delivery in found.values()} == {DONE}
    assert max(delivery.attempts for delivery in found.values()) <= 3


def test_a_database_that_is_away_for_long_puts_nothing_into_quarantine(
    sqlite: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", None, Exception("database is locked"))

    keep(shop)
    with monkeypatch.context() as patch:
        patch.setattr(digest, "apply", away)
        for _ in range(2 * digest.TRIES):
            with pytest.raises(OperationalError):
                digest.digest()
            let_leases_run_out(shop)
    digest.digest()

    assert {delivery.state for delivery in deliveries(shop).values()} == {DONE}
