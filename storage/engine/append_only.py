"""Append-only: the database itself refuses to change the consent ledger or to delete from it.

One thing is let through: a deletion in a transaction that holds the shop's erasure permit. A permit
is a row that its own transaction inserts and deletes, so that no other ever sees one.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, insert, text
from sqlmodel import Session, SQLModel, col

from storage.engine.types import shop_key

LEDGER = "consent_event"
REFUSAL_MESSAGE = "The consent ledger is append-only."
GUARDS = {f"{LEDGER}_unchanged", f"{LEDGER}_kept"}
ONE_AT_A_TIME = 7_305_001  # processes that start together must not define the same function at once


class ErasurePermit(SQLModel, table=True):
    """While it stands, its transaction may delete from the shop's ledger."""

    __tablename__ = "erasure_permit"

    shop_id: int = shop_key()


@contextmanager
def permit_erasure(session: Session, shop_id: int) -> Generator[None]:
    """Let this transaction delete from a shop's ledger inside the block."""
    session.connection().execute(insert(ErasurePermit).values(shop_id=shop_id))
    yield  # what raises in the block takes the whole transaction back, and the permit with it
    session.connection().execute(delete(ErasurePermit).where(col(ErasurePermit.shop_id) == shop_id))


def create_triggers(connection: Connection) -> None:
    """Put the guards up, as they are defined here; the ledger's table is there."""
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    for statement in _sqlite() if sqlite else _postgresql():
        connection.execute(text(statement))


def is_protected(session: Session) -> bool:
    """Whether the guards are up."""
    if session.get_bind().dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :ledger"
    else:
        query = (
            "SELECT tgname FROM pg_trigger"
            " WHERE tgrelid = CAST(:ledger AS regclass) AND tgenabled <> 'D'"
        )
    found = set(session.connection().execute(text(query), {"ledger": LEDGER}).scalars())
    return found >= GUARDS


def _sqlite() -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL_MESSAGE}'); END"
    permitted = "EXISTS (SELECT 1 FROM erasure_permit WHERE shop_id = OLD.shop_id)"
    return [
        *(f"DROP TRIGGER IF EXISTS {name}" for name in sorted(GUARDS)),
        f"CREATE TRIGGER {LEDGER}_unchanged BEFORE UPDATE ON {LEDGER} {refuse}",
        f"CREATE TRIGGER {LEDGER}_kept BEFORE DELETE ON {LEDGER} WHEN NOT {permitted} {refuse}",
    ]


def _postgresql() -> list[str]:
    refuse = f"EXECUTE FUNCTION {LEDGER}_refuse()"
    return [
        f"""CREATE OR REPLACE FUNCTION {LEDGER}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF EXISTS (SELECT 1 FROM erasure_permit WHERE shop_id = OLD.shop_id) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '{REFUSAL_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
        f"CREATE OR REPLACE TRIGGER {LEDGER}_unchanged BEFORE UPDATE ON {LEDGER}"
        f" FOR EACH ROW {refuse}",
        f"CREATE OR REPLACE TRIGGER {LEDGER}_kept BEFORE DELETE ON {LEDGER} FOR EACH ROW {refuse}",
        f"CREATE OR REPLACE TRIGGER {LEDGER}_whole BEFORE TRUNCATE ON {LEDGER}"
        f" FOR EACH STATEMENT {refuse}",
    ]
