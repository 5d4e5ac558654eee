"""Workers that die of one delivery, message or enrolment, one after the other, until one does not.

`python -m tests.faults.poisoned DATABASE_URL KIND POISON [SHOP IDS…]`, for `test_f20_poison.py`; it
prints how many died. A bug in a C extension, or the kernel's out-of-memory killer, ends a process
as `os.abort` does here: no `except` sees it.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker

from plugin.channels.registry import CHANNELS
from plugin.flows import advance
from plugin.ingest import digest
from plugin.messages import draft, send
from storage.channels import Channel
from storage.engine import db, encryption
from tests.plugin.messages.world import Accepting

MOST_DEATHS = 20


def main(*words: str) -> None:
    """Let one worker after the other have a turn, each a process of its own."""
    deaths = 0
    while deaths < MOST_DEATHS:
        pid = os.fork()
        if not pid:
            work(*words)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if not status:
            break
        assert status == -signal.SIGABRT, f"a worker ended otherwise: {status}"
        deaths += 1
    sys.stdout.write(str(deaths))


def work(url: str, kind: str, poison: str, shop_id: str = "0", *ids: str) -> None:
    """Work on everything that waits, as if all leases had run out, and die of the poison."""
    encryption.set_keys({"1": os.environ["REGULARS_SECRET_KEY"]})
    db.connect(url)
    broker = StubBroker(middleware=[])
    for queue in ("advance", "send", "send_first", "refill"):
        broker.declare_queue(queue)
    dramatiq.set_broker(broker)

    def die_of_it(whole: Callable[..., Any], name: Callable[..., object]) -> Callable[..., Any]:
        def act(*given: Any, **more: Any) -> Any:
            if str(name(*given)) == poison:
                os.abort()
            return whole(*given, **more)

        return act

    engine = db.inbox_engine() if kind == "delivery" else db.engine()
    with engine.execution_options(all_shops="this is a test").begin() as connection:
        connection.exec_driver_sql(f"UPDATE {kind} SET lease_until = 0")
    if kind == "delivery":
        digest.parse_delivery = die_of_it(
            digest.parse_delivery, lambda delivery, _: delivery.webhook_id
        )
        digest.digest_deliveries()
    elif kind == "message":
        draft.render_message = die_of_it(
            draft.render_message, lambda session, shop, message, *_: message.id
        )
        CHANNELS[Channel.EMAIL] = CHANNELS[Channel.EMAIL]._replace(providers=(Accepting(),))
        send.SLICE_SECONDS = 60.0  # one turn for all of them, however busy the machine is
        send.send_messages(int(shop_id), list(map(int, ids)))
    else:
        advance._run = die_of_it(advance._run, lambda session, batch, steps, her: her.id)
        advance.advance_enrolments(int(shop_id), list(map(int, ids)))
    db.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
