"""Confirmation requests: what waits until the requester proves, by a link mailed to it, that an
address is theirs: a subscription, an export of their data, or its erasure.

A request has the id of the mail that carries its link, so that a token for one names both.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine.types import big, enum_column, moment, row_key, shop_key

VALID_FOR = timedelta(days=7)
REPEATABLE_FOR = timedelta(minutes=15)  # of a data export, since its download may have broken off


class ConfirmationKind(StrEnum):
    """What a confirmation is for."""

    DOUBLE_OPT_IN = "double_opt_in"
    DATA_EXPORT = "data_export"
    REDACT = "redact"


class ConfirmationRequest(SQLModel, table=True):
    """One ask; it is granted once, within seven days, a copy for some minutes more."""

    __tablename__ = "confirmation_request"

    __table_args__ = (
        Index("confirmation_request_canonical", "shop_id", "kind", "canonical", "requested_at"),
        Index("confirmation_request_profile", "shop_id", "profile_id"),
        Index("confirmation_request_request", "shop_id", "request_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()  # the mail's own
    kind: ConfirmationKind = enum_column(ConfirmationKind)
    profile_id: int = big()  # the origin that the address belonged to
    address: str
    canonical: str = Field(description="the mailbox behind the address, without tags and dots")
    requested_at: datetime = moment()
    confirmed_at: datetime | None = moment(default=None)
    form_id: int | None = big(nullable=True, default=None)
    form_version: int | None = None
    request_id: int | None = big(nullable=True, default=None)  # a privacy request, for a copy


def get_request(session: Session, shop_id: int, ask_id: int) -> ConfirmationRequest | None:
    """One ask."""
    return session.get(ConfirmationRequest, (shop_id, ask_id))


def lock_request(session: Session, shop_id: int, ask_id: int) -> ConfirmationRequest | None:
    """Return a confirmation request, locked so that it is confirmed once."""
    return session.get(
        ConfirmationRequest, (shop_id, ask_id), with_for_update=True, populate_existing=True
    )


def requests_of(
    session: Session, shop_id: int, kind: ConfirmationKind, canonical: str, *, limit: int = 10
) -> Sequence[ConfirmationRequest]:
    """Return the requests of one kind for one mailbox, newest first."""
    return session.exec(
        select(ConfirmationRequest)
        .where(
            ConfirmationRequest.shop_id == shop_id,
            ConfirmationRequest.kind == kind,
            ConfirmationRequest.canonical == canonical,
        )
        .order_by(col(ConfirmationRequest.requested_at).desc())
        .limit(limit)
    ).all()


def confirmation_for_request(
    session: Session, shop_id: int, request_id: int
) -> ConfirmationRequest | None:
    """The ask that a request for a copy came from; None for the storefront's own requests."""
    return session.exec(
        select(ConfirmationRequest).where(
            ConfirmationRequest.shop_id == shop_id, ConfirmationRequest.request_id == request_id
        )
    ).first()
