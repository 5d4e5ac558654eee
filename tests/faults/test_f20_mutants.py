"""F20: whatever a webhook's body says, it is digested or set aside; none holds up another."""

import json
import time
from collections import Counter
from itertools import islice

from sqlalchemy import func, select, update
from sqlmodel import col
from structlog.testing import capture_logs

from plugin.ingest import digest
from storage.arrivals import NewDelivery, add_deliveries
from storage.engine import db
from storage.inbox import Delivery, DeliveryState
from storage.shops import Shop
from tests.conftest import NOW
from tests.faults.mutants import Mutator, Told, told_by_stores
from tests.faults.served import tell
from tests.sizes import size

MUTANTS, SEED = size((600, 20), (50_000, 20))
AT_ONCE = 250
ORDINARY_EACH = 50  # mutants
TRIGGERED = ("", NOW.isoformat(), "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "yesterday")


def test_f20_every_mutant_is_done_or_set_aside_and_none_holds_up_another(
    database: str, shop: Shop
) -> None:
    by_topic = told_by_stores()
    assert len(by_topic) > 12
    mutants = Mutator(SEED, by_topic, sorted(by_topic)).mutants()
    began, late = time.monotonic(), 0
    with capture_logs() as told:
        for start in range(0, MUTANTS, AT_ONCE):
            keep(shop, start, list(islice(mutants, min(AT_ONCE, MUTANTS - start))))
            digest.digest_deliveries()
            late += states(shop)[DeliveryState.NEW]
            for _ in range(digest.MAX_ATTEMPTS):
                if states(shop)[DeliveryState.NEW]:
                    let_leases_run_out(shop)
                    digest.digest_deliveries()
            assert not undone_ordinary(shop)
    found = states(shop)
    tell(
        "F20 mutants",
        on=database.partition(":")[0],
        topics=len(by_topic),
        done=found[DeliveryState.DONE],
        set_aside=found[DeliveryState.QUARANTINED],
        left=found[DeliveryState.NEW],
        not_at_the_first_look=late,
        seconds=round(time.monotonic() - began),
    )

    assert found.total() == MUTANTS + MUTANTS // ORDINARY_EACH
    assert not found[DeliveryState.NEW]
    assert not late, Counter(
        repr(each.get("exc_info")) for each in told if each["event"] == "digest.delivery_failed"
    )


def keep(shop: Shop, start: int, mutants: list[Told]) -> None:
    """Store mutants, and an ordinary delivery among each fifty."""
    arrivals = []
    for number, (topic, body) in enumerate(mutants, start):
        triggered = TRIGGERED[number % 40] if number % 40 < len(TRIGGERED) else NOW.isoformat()
        arrivals.append(
            NewDelivery(shop.id, f"mutant-{number}", topic, "2026-10", triggered, NOW, body)
        )
        if number % ORDINARY_EACH == 0:
            customer = {"id": 10**12 + number, "updated_at": NOW.isoformat()}
            plain = json.dumps(customer).encode()
            arrivals.append(
                NewDelivery(
                    shop.id, f"plain-{number}", "customers/create", "2026-10", "", NOW, plain
                )
            )
    add_deliveries(arrivals)


def states(shop: Shop) -> Counter[str]:
    """How many deliveries are in each state."""
    with db.inbox_reading() as session:
        query = select(col(Delivery.state), func.count()).where(col(Delivery.shop_id) == shop.id)
        return Counter(dict(session.execute(query.group_by(col(Delivery.state))).all()))


def undone_ordinary(shop: Shop) -> list[str]:
    """Ordinary deliveries that are not done."""
    with db.inbox_reading() as session:
        query = select(col(Delivery.webhook_id)).where(
            col(Delivery.shop_id) == shop.id,
            col(Delivery.webhook_id).startswith("plain-"),
            col(Delivery.state) != DeliveryState.DONE,
        )
        return list(session.scalars(query))


def let_leases_run_out(shop: Shop) -> None:
    """Let every undigested delivery be offered again."""
    with db.inbox_transaction() as session:
        session.connection().execute(
            update(Delivery).where(col(Delivery.shop_id) == shop.id).values(lease_until=0.0)
        )
