"""A worker whose normaliser dies of one delivery; `test_poison.py` runs it as a process.

`python -m tests.faults.poisoned DATABASE_URL POISON` digests once. A bug in a C extension, or the
kernel's out-of-memory killer, ends a process as `os.abort` does here: no `except` sees it.
"""

import os
import sys

import dramatiq
from dramatiq.brokers.stub import StubBroker

from plugin.events import digest
from plugin.facts import Facts
from storage import db, secrets
from storage.inbox import Delivery

understand = digest.understand


def main(url: str, poison: str) -> None:
    """Digest whatever waits, and die of the poison."""

    def die_of_it(delivery: Delivery, currency: str) -> Facts:
        if delivery.webhook_id == poison:
            os.abort()
        return understand(delivery, currency)

    digest.understand = die_of_it
    secrets.use_keys({"1": os.environ["REGULARS_SECRET_KEY"]})
    db.connect(url)
    broker = StubBroker(middleware=[])
    broker.declare_queue("advance")
    dramatiq.set_broker(broker)
    digest.digest()
    db.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
