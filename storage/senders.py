"""Sender addresses: what a shop may write from, and how each was proven to be its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, func
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import JsonObject, big, enum_column, json_column, moment, shop_key

ASKED_FOR = timedelta(days=7)  # the link of a proof mail is good for so long


class SenderProof(StrEnum):
    """Why an address counts as a shop's own."""

    MAIL = "mail"  # a click in a mail to it
    DNS = "dns"  # its domain names the shop in a TXT record
    OPERATOR = "operator"  # the operator allows its domain for this shop
    STORE = "store"  # Shopify names it as the store's, and the operator takes its word
    KEPT = "kept"  # the only shop wrote from it before there were proofs


class SenderState(StrEnum):
    """Where the proof of an address stands."""

    UNPROVEN = "unproven"
    ASKED = "asked"  # a mail to it waits for its click
    REFUSED = "refused"  # the relay does not take a mail to it
    LIMITED = "limited"  # it or its shop has had as many of these mails as a day allows
    CONFIRMED = "confirmed"


class SenderAddress(SQLModel, table=True):
    """An address that a shop wants to write from. One shop's proof is no other's."""

    __tablename__ = "sender_address"
    __table_args__ = (
        Index("sender_address_id", "shop_id", "id", unique=True),
        Index("sender_address_due", "due_at"),
    )

    shop_id: int = shop_key()
    address: str = Field(primary_key=True)
    id: int = big()  # what the link of its mail stands for
    state: SenderState = enum_column(SenderState, default=SenderState.UNPROVEN)
    proof: SenderProof | None = enum_column(SenderProof, default=None)
    proven_at: datetime | None = moment(default=None)
    asked_at: datetime | None = moment(default=None)
    wants_mail: bool = False
    due_at: datetime | None = moment(default=None)  # to be looked up, and asked if it wants a mail
    attempts: int = 0
    records: JsonObject = json_column()  # what DNS says of its domain: `SenderDns`
    records_at: datetime | None = moment(default=None)


def get_sender(session: Session, shop_id: int, address: str) -> SenderAddress | None:
    """One of a shop's addresses."""
    return session.get(SenderAddress, (shop_id, address))


def lock_sender(session: Session, shop_id: int, address: str) -> SenderAddress | None:
    """One of a shop's addresses, locked for this transaction."""
    return session.get(
        SenderAddress, (shop_id, address), with_for_update=True, populate_existing=True
    )


def sender_by_id(session: Session, shop_id: int, sender_id: int) -> SenderAddress | None:
    """The address that a proof mail's link stands for."""
    mine = select(SenderAddress).where(
        SenderAddress.shop_id == shop_id, SenderAddress.id == sender_id
    )
    return session.exec(mine).one_or_none()


def ask_sender(
    session: Session, shop_id: int, address: str, *, now: datetime, by_mail: bool
) -> None:
    """Let an address be looked up, and asked by mail unless it is proven by then."""
    held = lock_sender(session, shop_id, address)
    if held is None:
        held = SenderAddress(shop_id=shop_id, address=address, id=new_id())
    held.due_at, held.attempts = now, 0
    held.wants_mail = by_mail and held.state != SenderState.CONFIRMED
    session.add(held)


def prove_sender(
    session: Session, sender: SenderAddress, proof: SenderProof, now: datetime
) -> None:
    """Let an address count from now on."""
    sender.state, sender.proof, sender.proven_at = SenderState.CONFIRMED, proof, now
    sender.wants_mail = False
    session.add(sender)


def due_sender(session: Session, shop_id: int, now: datetime) -> SenderAddress | None:
    """The address of a shop that is to be looked up next."""
    due = select(SenderAddress).where(
        SenderAddress.shop_id == shop_id, col(SenderAddress.due_at) <= now
    )
    return session.exec(due.order_by(col(SenderAddress.due_at)).limit(1)).first()


def count_asked(session: Session, shop_id: int, since: datetime, *, but: str) -> int:
    """How many other addresses than `but` a shop had asked since a moment."""
    asked = select(func.count()).where(
        SenderAddress.shop_id == shop_id,
        SenderAddress.address != but,
        col(SenderAddress.asked_at) > since,
    )
    return session.exec(asked).one()


def shops_due(session: Session, now: datetime) -> Sequence[int]:
    """Shops with an address that is to be looked up."""
    due = select(SenderAddress.shop_id).where(col(SenderAddress.due_at) <= now).distinct()
    found = db.across_shops(session, due, "the clock enqueues the proofs of senders")
    return list(found.scalars())
