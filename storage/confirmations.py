"""Asks: what somebody wants done who has yet to prove, by a link mailed to it, that an address is
hers: to be subscribed, to have a copy of her data, to be forgotten.

An ask has the id of the mail that carries its link, so that a token for one names both.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Index
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine.types import big, moment, row_key, shop_key

CONFIRM, COPY, FORGET = "confirm", "copy", "forget"
VALID_FOR = timedelta(days=7)
AGAIN_FOR = timedelta(minutes=15)  # a copy, whose download may have broken off


class Ask(SQLModel, table=True):
    """One ask; it is granted once, within seven days, a copy for some minutes more."""

    __table_args__ = (
        Index("ask_canonical", "shop_id", "kind", "canonical", "asked_at"),
        Index("ask_profile", "shop_id", "profile_id"),
        Index("ask_request", "shop_id", "request_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()  # the mail's own
    kind: str
    profile_id: int = big()  # the origin that the address belonged to
    address: str
    canonical: str = Field(description="the mailbox behind the address, without tags and dots")
    asked_at: datetime = moment()
    granted_at: datetime | None = moment(default=None)
    form_id: int | None = big(nullable=True, default=None)
    form_version: int | None = None
    request_id: int | None = big(nullable=True, default=None)  # a privacy request, for a copy


def get_ask(session: Session, shop_id: int, ask_id: int) -> Ask | None:
    """One ask."""
    return session.get(Ask, (shop_id, ask_id))


def lock_ask(session: Session, shop_id: int, ask_id: int) -> Ask | None:
    """One ask, which nobody else grants meanwhile."""
    return session.get(Ask, (shop_id, ask_id), with_for_update=True, populate_existing=True)


def asks_of(session: Session, shop_id: int, kind: str, canonical: str) -> Sequence[Ask]:
    """The asks of one kind for one mailbox, newest first."""
    return session.exec(
        select(Ask)
        .where(Ask.shop_id == shop_id, Ask.kind == kind, Ask.canonical == canonical)
        .order_by(col(Ask.asked_at).desc())
        .limit(10)
    ).all()


def ask_for_request(session: Session, shop_id: int, request_id: int) -> Ask | None:
    """The ask that a request for a copy came from; None for the storefront's own requests."""
    return session.exec(
        select(Ask).where(Ask.shop_id == shop_id, Ask.request_id == request_id)
    ).first()
