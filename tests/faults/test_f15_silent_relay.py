"""F15: a relay that takes connections and says nothing holds up its own mails and nothing else."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import redis

from plugin.jobs import IDS_PER_JOB, MAX_WAITING_JOBS
from plugin.runtime import valkey
from storage import shops
from storage.engine import db
from tests.faults.served import DOMAINS, Served, tell
from tests.faults.test_f22_burst import outbox
from tests.faults.town import THREADS, eventually
from tests.plugin.channels import scripted_relay
from tests.plugin.channels.scripted_relay import Connection, Lines, is_silent
from tests.plugin.messages.world import build
from tests.sizes import PATIENCE, size

DIGESTED_S = 5.0
HANGS_S, PER_S = size((6.0, 10), (100.0, 20))  # whole: through the first rests
CROWD = size(1_200, 5_000)


def silent(word: str, connection: Connection) -> Lines | None:
    return is_silent()


def undigested_for(served: Served) -> float:
    """How long the oldest delivery has waited by now."""
    digested = (
        "SELECT 1 FROM delivery d WHERE d.state <> 'new' AND d.shop_id = arrival.shop_id "
        "AND d.webhook_id = arrival.webhook_id"
    )
    query = f"SELECT min(received_at) FROM arrival WHERE NOT EXISTS ({digested})"
    (at,) = served.rows(query, inbox=True)[0]
    if at is None:
        return 0.0
    return (datetime.now(UTC) - datetime.fromisoformat(str(at)).replace(tzinfo=UTC)).total_seconds()


def test_f15_while_a_relay_is_silent_webhooks_are_digested_in_time(tmp_path: Path) -> None:
    with (
        scripted_relay.running(silent) as relay,
        Served(tmp_path, whole=True, smtp_url=relay.url) as served,
    ):
        with db.transaction() as session:
            shop = shops.shop_by_domain(session, DOMAINS[0])
            assert shop
            shop.email = shop.sender_email = "hello@dewpoint.example"
            shop.postal_address = "12 Mill Lane"
        world = build(shop)
        outbox(world, CROWD, transactional=False)
        outbox(world, THREADS, transactional=True)
        eventually("all senders wait", lambda: relay.connections >= THREADS, within_s=20)

        broker = redis.Redis(unix_socket_path=str(valkey.socket_path(served.data)))
        waited, jobs, until = [0.0], [0], time.monotonic() + HANGS_S
        with served.loading((HANGS_S, PER_S)) as result:
            while time.monotonic() < until:
                waited.append(undigested_for(served))
                jobs.append(cast("int", broker.llen("dramatiq:send")))
                time.sleep(0.1)
            loaded, _ = result()
        waited.append(served.drain(DIGESTED_S))
        broker.close()

        tell("F15", hangs_s=HANGS_S, due_mails=CROWD, answers=loaded.statuses,
             digested_within_s=round(max(waited), 2), connections=relay.connections,
             most_jobs_waiting=max(jobs))  # fmt: skip
        assert max(waited) < DIGESTED_S * PATIENCE
        assert max(jobs) <= MAX_WAITING_JOBS + CROWD / IDS_PER_JOB + 1
        untried = "SELECT count(*) FROM message WHERE state = 'due' AND send_attempts = 0"
        assert served.count(untried) == CROWD + THREADS
