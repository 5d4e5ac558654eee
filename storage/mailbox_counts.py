"""How many mails of a kind a mailbox got lately because of what strangers typed, over all shops.

A mailbox has many spellings and is known to many shops, so it is counted by a keyed hash that
belongs to no shop: no address stands here, and a row is of no use after a day.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import case, delete, or_
from sqlmodel import Field, Session, SQLModel, col

from storage.engine import db
from storage.engine.types import enum_column, moment
from storage.privacy_requests import keyed_hash

WINDOW = timedelta(days=1)
MAX_REPEATS = 3  # in a window, of the one who came first


class MailboxUse(StrEnum):
    """What a mailbox is written to for."""

    SIGN_UP = "sign_up"  # a sign-up that counts at once
    CONFIRMATION = "confirmation"
    SENDER_PROOF = "sender_proof"


class MailboxCount(SQLModel, table=True):
    """The keyed hash of a mailbox, and of who came first in its window: a shop and a spelling."""

    __tablename__ = "mailbox_count"

    kind: MailboxUse = enum_column(MailboxUse, primary_key=True)
    keyed_hash: str = Field(primary_key=True)
    holder: str
    since: datetime = moment(index=True)
    count: int


def admit_mail(
    session: Session, kind: MailboxUse, mailbox: str, *, holder: str, now: datetime
) -> bool:
    """Count one more mail to a mailbox; False when another came first today, or it had enough.

    Under another key of the installation the count begins anew.
    """
    table = db.table_of(MailboxCount).c
    upsert = db.insert(MailboxCount).values(
        kind=kind,
        keyed_hash=keyed_hash("mailbox", f"{kind}:{mailbox}"),
        holder=keyed_hash("mailbox-holder", holder),
        since=now,
        count=1,
    )
    new = upsert.excluded
    is_over = table.since <= now - WINDOW
    taken = upsert.on_conflict_do_update(
        index_elements=["kind", "keyed_hash"],
        set_={
            "holder": new.holder,
            "since": case((is_over, new.since), else_=table.since),
            "count": case((is_over, 1), else_=table.count + 1),
        },
        where=or_(is_over, (table.holder == new.holder) & (table.count < MAX_REPEATS)),
    ).returning(table.kind)
    return session.connection().execute(taken).first() is not None


def delete_over(session: Session, now: datetime) -> None:
    """Drop the counts of which the window is over."""
    over = delete(MailboxCount).where(col(MailboxCount.since) <= now - WINDOW)
    session.connection().execute(over)
