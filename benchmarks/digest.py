"""The digest: the CPU of one event with its profile, in batches of 500, against the driver alone.

ours  `plugin.ingest.record`: identities, newest value for each field, events once each, flows
raw   the driver's executemany over the same tables, with each row's profile and daily counts given:
      it looks nothing up, counts and merges nothing and starts no flow

Both end with the same profiles, identities, events and days, which is checked. They run in turn in
one process, each pass on a fresh copy of a migrated SQLite database with synchronous=FULL.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import peers, report
from benchmarks.servers import KEY, SETTINGS
from plugin.facts import EventFact, Facts, ProfileFact, identity_keys
from plugin.ingest.record import record_facts
from storage import schema
from storage.activity import day_of
from storage.engine import db, encryption
from storage.profiles import IdentityKind
from storage.shops import Shop, add_shop, get_shop

EVENTS, PEOPLE, BATCH = 20_000, 5_000, 500
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = day_of(START)  # of every event
CONTENT = (
    "SELECT email, first_name, last_active_at, created_at, properties FROM profile ORDER BY email",
    "SELECT kind, value, linked_at, email FROM identity JOIN profile ON profile.id = profile_id"
    " ORDER BY kind, value",
    "SELECT metric, unique_id, occurred_at, email, event.properties FROM event"
    " JOIN profile ON profile.id = profile_id ORDER BY metric, unique_id",
    "SELECT counts, email FROM activity JOIN profile ON profile.id = profile_id ORDER BY email",
)


def options(parser: ArgumentParser) -> None:
    """Nothing of its own: `--quick` and `--passes` are the ingest's."""


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether both wrote the same."""
    passes = asked.passes or (1 if asked.quick else 5)
    events = 2_000 if asked.quick else EVENTS
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    encryption.set_keys({"1": KEY})
    times: dict[str, list[float]] = {"ours": [], "raw": []}
    ends: set[str] = set()
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        template = Path(folder) / "template"
        shop_id = _template(template)
        for number in range(0 if asked.quick else -1, passes):
            for name, write in (("ours", _ours), ("raw", _raw)):
                place = Path(folder) / f"{name}{number}"
                shutil.copytree(template, place)
                took = write(place / "regulars.db", shop_id, events)
                ends.add(_checksum(place / "regulars.db"))
                shutil.rmtree(place)
                if number >= 0:
                    times[name].append(took / events * 1e6)
    _print(times, events, passes, same=len(ends) == 1)
    return 0 if len(ends) == 1 else 1


def _template(place: Path) -> int:
    place.mkdir()
    db.connect(f"sqlite:///{place / 'regulars.db'}")
    try:
        schema.upgrade()
        with db.transaction() as session:
            shop_id = add_shop(session, "dewpoint.myshopify.com", START, currency="USD").id
    finally:
        db.disconnect()
    return shop_id


def _who(number: int) -> tuple[str, str, int]:
    """Return email, name and customer id of the shopper behind an event's number."""
    person = number * 7919 % PEOPLE  # each batch meets known people and new ones
    return f"shopper-{person}@example.com", f"Mina {person}", 7_000_000 + person


def _when(number: int) -> datetime:
    return START + timedelta(seconds=number)


def _facts(first: int) -> Facts:
    facts = Facts()
    for number in range(first, first + BATCH):
        email, name, customer = _who(number)
        person = ProfileFact(
            identity_keys((IdentityKind.EMAIL, email), (IdentityKind.CUSTOMER, customer)),
            _when(number),
            {"email": email, "first_name": name},
        )
        facts.profiles.append(person)
        product = {"product_id": number % 24}
        did = EventFact(person, "Viewed Product", f"e-{number}", _when(number), properties=product)
        facts.events.append(did)
    return facts


def _ours(path: Path, shop_id: int, events: int) -> float:
    batches = [_facts(first) for first in range(0, events, BATCH)]
    db.connect(f"sqlite:///{path}")
    try:
        with db.reading() as session:
            shop = get_shop(session, shop_id)
        assert shop is not None
        before = time.process_time()
        for facts in batches:
            _record(shop, facts)
        return time.process_time() - before
    finally:
        db.disconnect()


def _record(shop: Shop, facts: Facts) -> None:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        record_facts(session, shop, facts, START)


def _raw(path: Path, shop_id: int, events: int) -> float:
    batches = [list(range(first, first + BATCH)) for first in range(0, events, BATCH)]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "secure_delete=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        blank = {row[1]: None for row in connection.execute("PRAGMA table_info(profile)")}
        upsert = (
            f"INSERT INTO profile ({', '.join(blank)}) VALUES ({', '.join('?' * len(blank))})"
            " ON CONFLICT (shop_id, id) DO UPDATE SET email = excluded.email,"
            " first_name = excluded.first_name, last_active_at = excluded.last_active_at,"
            " properties = excluded.properties, field_times = excluded.field_times,"
            " field_sources = excluded.field_sources"
            " WHERE excluded.last_active_at > profile.last_active_at"
        )
        before = time.process_time()
        for numbers in batches:
            _write(connection, upsert, blank, shop_id, numbers)
        return time.process_time() - before


def _write(
    connection: sqlite3.Connection,
    upsert: str,
    blank: dict[str, None],
    shop_id: int,
    numbers: list[int],
) -> None:
    people, identities, events, activity = [], [], [], []
    for number in numbers:
        email, name, customer = _who(number)
        at = _text(_when(number))
        said = json.dumps({"email": at, "first_name": at})
        own = {"shop_id": shop_id, "id": customer, "email": email, "first_name": name}
        by = json.dumps({"email": "", "first_name": ""})
        own |= {
            "properties": "{}",
            "field_times": said,
            "field_sources": by,
            "created_at": _text(START),
            "last_active_at": at,
        }
        people.append(tuple((blank | own).values()))
        identities.append((shop_id, IdentityKind.EMAIL.value, email, customer, at))
        identities.append((shop_id, IdentityKind.CUSTOMER.value, str(customer), customer, at))
        properties = json.dumps({"product_id": number % 24}, separators=(",", ":"))
        event = (shop_id, number, customer, "Viewed Product", f"e-{number}", at, properties)
        events.append(event)
        counts = f'{{"Viewed Product":{{"{DAY}":{number // PEOPLE + 1}}}}}'
        activity.append((shop_id, customer, counts))
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(upsert, people)
    connection.executemany(
        "INSERT INTO identity (shop_id, kind, value, profile_id, linked_at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        identities,
    )
    connection.executemany(
        "INSERT INTO event (shop_id, id, profile_id, metric, unique_id, occurred_at, properties)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        events,
    )
    connection.executemany(
        "INSERT INTO activity (shop_id, profile_id, counts) VALUES (?, ?, ?)"
        " ON CONFLICT (shop_id, profile_id) DO UPDATE SET counts = excluded.counts",
        activity,
    )
    connection.execute("COMMIT")


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")


def _checksum(path: Path) -> str:
    def lines(connection: sqlite3.Connection) -> Iterator[bytes]:
        for query in CONTENT:
            for row in connection.execute(query):
                yield repr(row).encode()

    found = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for line in lines(connection):
            found.update(line)
    return found.hexdigest()


def _print(times: dict[str, list[float]], events: int, passes: int, *, same: bool) -> None:
    who = {
        "ours": "ours: plugin.ingest.record",
        "raw": "raw: sqlite3's executemany, looks nothing up",
    }
    report.say(
        f"Digest, {events} events of {PEOPLE} people, {BATCH} a batch, {passes} passes in turn"
    )
    report.table(
        ("", "CPU us each", "lowest", "highest"),
        [
            (who[name], f"{report.middle(us, 1)}", f"{min(us):.1f}", f"{max(us):.1f}")
            for name, us in times.items()
        ],
    )
    ratio = report.middle(report.ratios(times["ours"], times["raw"]))
    report.say(f"ours / raw: {ratio} (should be at most 2)")
    report.say("Both kept the same." if same else "They did NOT keep the same.")
    figures = {f"{name}_us": report.middle(us, 1) for name, us in times.items()}
    report.line("digest", {**figures, "ours_vs_raw": ratio, "events": events, "same": int(same)})
