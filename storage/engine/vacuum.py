"""Scrubbing: what SQLite deleted leaves its files, too. PostgreSQL looks after its own."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine

from storage.engine import db

# VACUUM writes the file anew and keeps other writers waiting: 2.5 s for 190 MB (measured on a busy
# machine), and Shopify waits five seconds for an answer.
VACUUM_UP_TO = 100 * 1024 * 1024
MAX_ATTEMPTS = 20
PAUSE_S = 0.25


def vacuum_database() -> bool:
    """Take deleted rows off the disk; False when readers or writers did not make room for it.

    `secure_delete` overwrites what is deleted, yet a row that was moved between pages may leave a
    copy in the gap of a page (measured: 2 of 20,000); only VACUUM clears those.
    """
    if not db.is_sqlite(db.engine()):
        return True
    return _scrub(db.engine()) & _scrub(db.inbox_engine())


def _scrub(engine: Engine) -> bool:
    path = Path(str(engine.url.database))
    connection = sqlite3.connect(path, timeout=2, isolation_level=None)
    try:
        if path.stat().st_size <= VACUUM_UP_TO:
            connection.execute("VACUUM")
        for _ in range(MAX_ATTEMPTS):
            # Readers keep old pages in the log beside the file: it is emptied once they are done.
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            time.sleep(PAUSE_S)
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return False
