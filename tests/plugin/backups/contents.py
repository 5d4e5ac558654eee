"""What tests of backups put into a database, and read out of one that came back."""

import json
import threading
from pathlib import Path

from sqlmodel import SQLModel, col, select, update

from plugin import clock
from plugin.backups.backup import make_backup
from plugin.ingest.digest import digest_deliveries
from storage import arrivals
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.inbox import Delivery
from storage.profiles import Identity
from storage.shops import Shop
from storage.tables import INBOX_TABLES
from tests.rules import canary


def all_rows() -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for table in SQLModel.metadata.sorted_tables:
        engine = db.inbox_engine() if table.name in INBOX_TABLES else db.engine()
        with engine.execution_options(all_shops="this test").connect() as connection:
            rows = connection.execute(table.select().order_by(*table.primary_key))
            found[table.name] = [tuple(row) for row in rows]
    return found


def customer(shop: Shop, number: int) -> NewDelivery:
    at = clock.now()
    said = {**canary.customer(), "id": number, "email": f"c{number}@example.com"}
    body = json.dumps(said | {"phone": None}).encode()
    return NewDelivery(
        shop.id, f"w-{number}", "customers/create", "2026-10", at.isoformat(), at, body
    )


def back_up_under_load(shop: Shop, file: Path) -> set[str]:
    """Make a backup while webhooks come in and are digested; the addresses of those that were
    acknowledged before it began.
    """
    acknowledged: list[str] = []
    ends = threading.Event()

    def load() -> None:
        for number in range(1, 5_000):
            if ends.is_set():
                return
            arrivals.add_deliveries([customer(shop, number)])
            acknowledged.append(f"c{number}@example.com")

    def work() -> None:
        while not ends.is_set():
            digest_deliveries()

    threads = [threading.Thread(target=load), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 100:
        ends.wait(0.01)
    before = {*acknowledged}
    make_backup(file)
    ends.set()
    for thread in threads:
        thread.join()
    return before


def digest_all(shop: Shop) -> None:
    """Digest everything, also what a worker of the lost copy had claimed: its lease runs out."""
    with db.inbox_transaction() as session:
        freed = update(Delivery).where(col(Delivery.shop_id) == shop.id).values(lease_until=0.0)
        session.connection().execute(freed)
    while digest_deliveries():
        pass


def known_emails(shop: Shop) -> set[str]:
    """The addresses of all shoppers that there are."""
    with db.reading() as session:
        asked = select(Identity.value).where(Identity.shop_id == shop.id, Identity.kind == "email")
        return set(session.exec(asked))
