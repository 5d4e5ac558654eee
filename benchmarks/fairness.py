"""Fairness: how long other shops' deliveries wait while one shop floods the inbox.

Two digesting threads, as a worker has, on migrated SQLite. Four shops send an order's webhooks now
and then; once alone, once while a fifth shop's deliveries fill the inbox. Measured is the time from
the commit of a delivery to the commit of its facts.
"""

import json
import os
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import func, select

from benchmarks import peers, report
from benchmarks.servers import KEY, SETTINGS
from plugin.ingest.digest import digest_deliveries
from plugin.runtime.garbage import end_loading
from storage import inbox, schema
from storage.arrivals import NewDelivery, add_deliveries
from storage.engine import db, encryption
from storage.inbox import Delivery, DeliveryState
from storage.shops import add_shop

OTHERS, EVERY_S, LOOK_EVERY_S = 4, 0.05, 0.002
THREADS = 2
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def options(parser: ArgumentParser) -> None:
    """Nothing of its own."""


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether every delivery was digested."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    encryption.set_keys({"1": KEY})
    count, flood = (20, 1_000) if asked.quick else (200, 60_000)
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        db.connect(f"sqlite:///{Path(folder) / 'regulars.db'}")
        try:
            schema.upgrade()
            end_loading()
            with db.transaction() as session:
                shops = [
                    add_shop(session, f"shop-{number}.myshopify.com", AT, currency="USD").id
                    for number in range(OTHERS + 1)
                ]
            alone = _waits(shops[1:], count, "alone")
            _keep(shops[0], "flood", flood)
            beside = _waits(shops[1:], count, "beside")
            left = _left(shops[0])
            if left:
                _digesting(lambda: _left(shops[0]) == 0)
        finally:
            db.disconnect()
    _print(alone, beside, flood, left)
    return 0


def _keep(shop_id: int, name: str, count: int) -> None:
    """News of `count` customers, in commits of 500."""
    for first in range(0, count, 500):
        arrivals = []
        for number in range(first, min(count, first + 500)):
            person = {"id": number + 1, "email": f"{name}-{number}@example.com"}
            body = person | {"updated_at": AT.isoformat(), "first_name": "Mina"}
            said = (f"{name}-{number}", "customers/update", "2026-10", AT.isoformat(), AT)
            arrivals.append(NewDelivery(shop_id, *said, json.dumps(body).encode()))
        add_deliveries(arrivals)


def _waits(shops: list[int], count: int, name: str) -> list[float]:
    """Milliseconds that each delivery of these shops waited, one every now and then."""
    waits: list[float] = []

    def send() -> bool:
        for number in range(count):
            shop_id, each = shops[number % len(shops)], f"{name}-{number}"
            _keep(shop_id, each, 1)
            began = time.perf_counter()
            while _state(shop_id, f"{each}-0") == DeliveryState.NEW:
                time.sleep(LOOK_EVERY_S)
            waits.append((time.perf_counter() - began) * 1e3)
            time.sleep(EVERY_S)
        return True

    _digesting(send)
    return sorted(waits)


def _digesting(until: Callable[[], bool]) -> None:
    """Digest in threads until this says so."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            if not digest_deliveries():
                time.sleep(LOOK_EVERY_S)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        while not until():
            time.sleep(LOOK_EVERY_S)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _state(shop_id: int, webhook_id: str) -> str:
    with db.inbox_reading() as session:
        found = inbox.get_delivery(session, shop_id, webhook_id)
    return found.state if found else DeliveryState.NEW  # it is yet to be taken in


def _left(shop_id: int) -> int:
    with db.inbox_reading() as session:
        new = select(func.count()).where(
            Delivery.shop_id == shop_id, Delivery.state == DeliveryState.NEW
        )
        return session.exec(new).one()


def _print(alone: list[float], beside: list[float], flood: int, left: int) -> None:
    def at(share: float, waits: list[float]) -> float:
        return round(waits[int(len(waits) * share)], 1)

    report.say(f"Fairness: {len(alone)} deliveries of {OTHERS} shops, and {flood} of another")
    report.table(
        ("", "p50 ms", "p95 ms"),
        [
            (name, f"{at(0.5, waits)}", f"{at(0.95, waits)}")
            for name, waits in (("alone", alone), ("beside a flood", beside))
        ],
    )
    ratio = round(at(0.95, beside) / at(0.95, alone), 2)
    report.say(f"p95 beside / alone: {ratio} (should be at most 2); left of the flood: {left}")
    report.line(
        "fairness",
        {
            "alone_p95_ms": at(0.95, alone),
            "beside_p95_ms": at(0.95, beside),
            "beside_vs_alone": ratio,
            "flood": flood,
            "left_of_flood": left,
        },
    )
