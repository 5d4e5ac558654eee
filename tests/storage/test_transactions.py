"""What a transaction promises of the disk."""

from sqlalchemy import text
from sqlmodel import Session

from storage.engine import db

FULL, NORMAL = 2, 1  # as SQLite tells them


def synchronous(session: Session) -> int:
    return int(session.execute(text("PRAGMA synchronous")).scalar_one())


def test_only_a_commit_that_is_done_again_after_a_power_cut_waits_for_no_disk(sqlite: str) -> None:
    with db.transaction() as session:
        assert synchronous(session) == FULL
    with db.transaction(redone=True) as session:
        assert synchronous(session) == NORMAL
    with db.transaction() as session:
        assert synchronous(session) == FULL
    with db.transaction(redone=True) as session:
        pass
    with db.reading() as session:
        assert synchronous(session) == FULL
