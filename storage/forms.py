"""Sign-up forms: their versions, and how often each was seen and answered."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, func
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
from storage.engine.types import (
    JsonObject,
    big,
    enum_column,
    json_column,
    moment,
    row_key,
    shop_key,
)


class FormStatus(StrEnum):
    """Whether shoppers see a form."""

    DRAFT = "draft"
    LIVE = "live"


class OptIn(StrEnum):
    """Whether a sign-up must be confirmed by mail."""

    BY_COUNTRY = "by_country"  # where the law of the shopper's country asks for it
    SINGLE_OPT_IN = "single_opt_in"
    DOUBLE_OPT_IN = "double_opt_in"


class FormEvent(StrEnum):
    """What is counted of a form."""

    VIEWED = "viewed"
    SUBMITTED = "submitted"


class Form(SQLModel, table=True):
    """A sign-up form. Shoppers see its newest version while it is live."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    status: FormStatus = enum_column(FormStatus, default=FormStatus.DRAFT)
    version: int = 1
    list_id: int = big()
    opt_in: OptIn = enum_column(OptIn, default=OptIn.BY_COUNTRY)
    created_at: datetime = moment()
    updated_at: datetime = moment()


class FormVersion(SQLModel, table=True):
    """What a form looked like: Klaviyo's published form-version JSON, never changed once shown.

    `translations` maps a locale to {source text: translated text}.
    """

    __tablename__ = "form_version"

    shop_id: int = shop_key()
    form_id: int = Field(primary_key=True, sa_type=BigInteger)
    version: int = Field(primary_key=True)
    definition: JsonObject = json_column()
    translations: dict[str, dict[str, str]] = json_column()
    created_at: datetime = moment()


class FormStat(SQLModel, table=True):
    """How often one version was viewed and submitted on one UTC day."""

    __tablename__ = "form_stat"

    shop_id: int = shop_key()
    form_id: int = Field(primary_key=True, sa_type=BigInteger)
    version: int = Field(primary_key=True)
    day: date = Field(primary_key=True)
    kind: FormEvent = enum_column(FormEvent, primary_key=True)
    count: int = 0


def forms_of(session: Session, shop_id: int) -> Sequence[Form]:
    """A shop's forms, oldest first."""
    return session.exec(
        select(Form).where(Form.shop_id == shop_id).order_by(col(Form.created_at))
    ).all()


def get_form(session: Session, shop_id: int, form_id: int) -> Form | None:
    """One form."""
    return session.get(Form, (shop_id, form_id))


def get_form_version(
    session: Session, shop_id: int, form_id: int, version: int
) -> FormVersion | None:
    """One version of a form."""
    return session.get(FormVersion, (shop_id, form_id, version))


def count_form_event(
    session: Session, shop_id: int, form_id: int, version: int, *, day: date, kind: FormEvent
) -> None:
    """Count one view or one submission."""
    upsert = db.insert(FormStat).values(
        shop_id=shop_id, form_id=form_id, version=version, day=day, kind=kind, count=1
    )
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "form_id", "version", "day", "kind"],
            set_={"count": col(FormStat.count) + 1},
        )
    )


def form_totals(session: Session, shop_id: int, since: date) -> dict[int, dict[FormEvent, int]]:
    """Views and submissions of each form since a day: {form id: {"viewed": 3, "submitted": 1}}."""
    rows = session.exec(
        select(FormStat.form_id, col(FormStat.kind), func.sum(FormStat.count))
        .where(FormStat.shop_id == shop_id, FormStat.day >= since)
        .group_by(col(FormStat.form_id), FormStat.kind)
    )
    totals: dict[int, dict[FormEvent, int]] = {}
    for form_id, kind, count in rows:
        totals.setdefault(form_id, {})[kind] = int(count)
    return totals


def form_days(
    session: Session, shop_id: int, form_id: int, since: date
) -> Sequence[tuple[date, FormEvent, int]]:
    """One form's counts by day and kind."""
    rows = session.exec(
        select(col(FormStat.day), col(FormStat.kind), func.sum(FormStat.count))
        .where(FormStat.shop_id == shop_id, FormStat.form_id == form_id, FormStat.day >= since)
        .group_by(col(FormStat.day), FormStat.kind)
    )
    return [(day, kind, int(count)) for day, kind, count in rows]
