"""F01, F02, F03: many machines under kills: no webhook and no mail is lost, none counts twice."""

import random
import shutil
import sys
import time
from collections import Counter
from datetime import timedelta
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from plugin import clock
from storage import consent, shops
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import MessageState, add_messages
from storage.profiles import Profile
from tests.faults import rabbitmq
from tests.faults.machines import PARTS, Machines
from tests.faults.postgres import postgres
from tests.faults.served import AGAIN_S, DOMAINS, tell
from tests.faults.town import THREADS, eventually
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import World, build, consent_row
from tests.sizes import FULL, size

PER_S, LASTS_S, MAILS = size((20, 20, 400), (50, 200, 10_000))
KILLS_S, APART_S = size(30.0, 300.0), (3.0, 5.0)
SETTLED_S = 900.0
CHUNK = 500
PGBOUNCER = shutil.which("pgbouncer", path=f"{sys.exec_prefix}/sbin:/usr/sbin:/usr/local/sbin")

pytestmark = [
    pytest.mark.skipif(
        not FULL, reason="ten processes start again and again: `make faults` runs it"
    ),
    pytest.mark.skipif(not PGBOUNCER, reason="needs PgBouncer, which is not installed"),
    rabbitmq.needed,
]


def receiver(number: int) -> str:
    """The address of one who gets a mail."""
    return f"receiver-{number}@example.com"


def outbox(world: World, count: int) -> None:
    """Queue a mail to each of so many shoppers; every other one is waited for."""
    now, shop_id = clock.now(), world.shop.id
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        people = {number: new_id() for number in numbers}
        with db.transaction() as session:
            session.add_all(
                Profile(shop_id=shop_id, id=person, email=receiver(number), created_at=now,
                        last_active_at=now)
                for number, person in people.items()
            )  # fmt: skip
            agreed = [consent_row(shop_id, ConsentState.SUBSCRIBED, receiver(n)) for n in numbers]
            consent.record_consent(session, agreed)
            add_messages(session, [
                {
                    "shop_id": shop_id, "id": new_id(), "idempotency_key": f"mail:{number}",
                    "channel": "email", "profile_id": person, "transactional": number % 2 == 0,
                    "event_id": world.event_id, "template_id": world.ids["checkout_reminder_1"],
                    "due_at": now - timedelta(minutes=1), "created_at": now,
                }
                for number, person in people.items()
            ])  # fmt: skip


def states(machines: Machines) -> Counter[str]:
    """How many messages are in each state."""
    found = machines.rows("SELECT state, count(*) FROM message GROUP BY state")
    return Counter({str(state): int(str(count)) for state, count in found})


def left(machines: Machines) -> int:
    """How many messages have no outcome yet."""
    now = states(machines)
    return now[MessageState.DUE] + now[MessageState.SENDING]


def rested(machines: Machines, until: float) -> bool:
    """Whether it is so late."""
    machines.keep()
    return time.monotonic() >= until


def storm(machines: Machines, chance: random.Random) -> None:
    """Kill while there is work, for a while."""
    until = time.monotonic() + KILLS_S
    while time.monotonic() < until and (left(machines) or machines.states()["new"]):
        next_at = time.monotonic() + chance.uniform(*APART_S)
        eventually("the next kill", lambda at=next_at: rested(machines, at), within_s=60)
        machines.kill_one(chance)


def settled(machines: Machines, deliveries: int) -> bool:
    """Whether nothing is left to do."""
    machines.keep()
    return machines.states() == {"done": deliveries} and not left(machines)


def check_mails(machines: Machines, relay: Relay) -> dict[str, int]:
    """Accepted is received once, in doubt is received once or never; the figures."""
    read = [BytesHeaderParser().parsebytes(raw[:8_000]) for raw in relay.raw]
    times = Counter(str(mail["Message-ID"]) for mail in read)
    received = Counter(str(mail["To"]) for mail in read)
    found = {
        str(to): str(state) for to, state in machines.rows("SELECT address, state FROM message")
    }
    assert set(found) == {receiver(number) for number in range(MAILS)}
    doubtful = {to for to, state in found.items() if state == MessageState.AMBIGUOUS}
    figures = {
        "mails": len(found),
        "receptions": len(read),
        "mails_lost": len(set(found) - set(received) - doubtful),
        "mails_doubled": sum(count > 1 for count in (times | received).values()),
        "in_doubt": len(doubtful),
        "in_doubt_and_received": len(doubtful & set(received)),
    }
    assert set(found.values()) <= {MessageState.ACCEPTED, MessageState.AMBIGUOUS}
    # Handed over or about to be: what the threads of a sender that died, or of all that had no
    # database when the relay answered, had marked before.
    of_poolers = machines.killed["pgbouncer"] * PARTS.count("sender")
    assert len(doubtful) <= THREADS * (machines.killed["sender"] + of_poolers)
    return figures


def test_f01_many_machines_under_kills_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, relay: Relay
) -> None:
    began, deliveries = time.monotonic(), PER_S * LASTS_S
    assert PGBOUNCER
    with (
        postgres() as server,
        rabbitmq.rabbitmq(tmp_path / "rabbitmq") as broker,
        Machines(tmp_path, server, broker, smtp_url=relay.url, program=PGBOUNCER) as machines,
    ):
        with db.transaction() as session:
            shop = shops.shop_by_domain(session, DOMAINS[0])
            assert shop
            shop.email = shop.sender_email = "hello@dewpoint.example"
            shop.postal_address = "12 Mill Lane"
        outbox(build(shop), MAILS)
        with machines.loading((LASTS_S, PER_S), again_s=AGAIN_S) as result:
            storm(machines, random.Random(17))
            eventually(
                "all is done",
                lambda: settled(machines, deliveries),
                within_s=SETTLED_S,
                every_s=2.0,
            )
            loaded, answered = result()
        eventually("who lost their master ends", lambda: not machines.strays(), within_s=30)

        lost = machines.missing(answered)
        mails = check_mails(machines, relay)
        tell("F01 of many machines", webhooks=deliveries, answers=loaded.statuses,
             hung_up=loaded.closed, late=loaded.late, webhooks_lost=len(lost),
             killed=dict(machines.killed), started=dict(machines.started), **mails,
             states=dict(states(machines)), took_s=round(time.monotonic() - began))  # fmt: skip
        machines.effects_once(deliveries)
        assert lost == set()
        assert mails["mails_lost"] == mails["mails_doubled"] == 0
