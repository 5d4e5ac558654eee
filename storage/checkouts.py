"""Checkouts, as the storefront last described each: what an abandoned one is rebuilt from."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, and_
from sqlmodel import Field, Session, SQLModel, col, select
from typing_extensions import TypedDict

from storage.engine.types import big, json_column, moment, origin, shop_key
from storage.engine.upsert import save_newest
from storage.events import Event

CHECKOUT_STARTED = "Checkout Started"


class LineItem(TypedDict):
    """One line of a checkout, as its row and events keep it; `price` is in minor units."""

    title: str
    variant_title: str
    quantity: int
    price: int
    product_id: int | None
    variant_id: int | None


class Checkout(SQLModel, table=True):
    """One checkout by what its recovery link names: its cart's token, or before that its own."""

    __table_args__ = (Index("checkout_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    token: str = Field(primary_key=True)
    profile_id: int = big()
    source_profile_id: int | None = origin()
    started_at: datetime = moment()
    updated_at: datetime = moment()
    reported_at: datetime = moment()
    completed_at: datetime | None = moment(default=None)
    total: int = big()
    currency: str
    url: str = Field(default="", description="leads back to the checkout as it was left")
    lines: list[LineItem] = json_column(list)


class ReportedCheckout(TypedDict):
    """A checkout as the storefront describes it: a row of `Checkout` without shop and profile."""

    token: str
    started_at: datetime
    updated_at: datetime
    reported_at: datetime
    completed_at: datetime | None
    total: int
    currency: str
    url: str
    lines: list[LineItem]


class CheckoutRow(ReportedCheckout):
    """One row of `Checkout`."""

    shop_id: int
    profile_id: int
    source_profile_id: int | None


def save_checkouts(session: Session, rows: Sequence[CheckoutRow]) -> None:
    """Insert checkouts or bring them up to date; the newest word wins."""
    save_newest(session, Checkout, rows, keep=("started_at",))


def is_over(session: Session, shop_id: int, event_id: int | None) -> bool:
    """Whether an event began a checkout that was completed, or emptied, since."""
    if event_id is None:
        return False
    begun = session.exec(
        select(Checkout)
        .join(
            Event,
            and_(
                col(Event.shop_id) == Checkout.shop_id,
                col(Event.unique_id) == Checkout.token,
                col(Event.metric) == CHECKOUT_STARTED,
            ),
        )
        .where(Event.shop_id == shop_id, Checkout.shop_id == shop_id, Event.id == event_id)
    ).first()
    return begun is not None and (begun.completed_at is not None or not begun.lines)


def checkouts_by_token(session: Session, shop_id: int, tokens: Sequence[str]) -> Sequence[Checkout]:
    """Several checkouts."""
    return session.exec(
        select(Checkout).where(
            Checkout.shop_id == shop_id, col(Checkout.token).in_(sorted(set(tokens)))
        )
    ).all()
