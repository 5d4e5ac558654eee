"""Definitions of profile properties: one row each, with its type, labels and values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Session, SQLModel, col, select
from typing_extensions import TypedDict

from storage.engine.types import enum_column, json_column, moment, row_key, shop_key
from storage.profiles import DataSource


class PropertyType(StrEnum):
    """What values a property takes."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"  # one of its options
    CHOICES = "choices"  # several of them


class PropertyOption(TypedDict):
    """One value of a choice, and its words: {locale: words}."""

    value: str
    labels: dict[str, str]


class PropertyDefinition(SQLModel, table=True):
    """A property of profiles. Its values stand in `Profile.properties`, under `name`.

    `labels` are {locale: words}, "" being the language that the shop writes in; `options` are the
    values of a choice.
    """

    __tablename__ = "property_definition"
    __table_args__ = (Index("property_definition_name", "shop_id", "name", unique=True),)

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    type: PropertyType = enum_column(PropertyType, default=PropertyType.TEXT)
    labels: dict[str, str] = json_column()
    options: list[PropertyOption] = json_column(list)
    source: DataSource = enum_column(
        DataSource, default=DataSource.MERCHANT, description="who made it: form, merchant"
    )
    updated_at: datetime = moment()


def definitions_of(session: Session, shop_id: int) -> dict[str, PropertyDefinition]:
    """A shop's properties by name: what forms ask, segments compare and templates say."""
    found = session.exec(
        select(PropertyDefinition)
        .where(PropertyDefinition.shop_id == shop_id)
        .order_by(col(PropertyDefinition.name))
    )
    return {row.name: row for row in found}


def get_definition(session: Session, shop_id: int, definition_id: int) -> PropertyDefinition | None:
    """One property."""
    return session.get(PropertyDefinition, (shop_id, definition_id))


def translated_label(labels: Mapping[str, str], locale: str, otherwise: str) -> str:
    """The words for a locale: `zh-Hans` takes `zh-CN`; none is what the shop wrote."""
    wanted = locale.replace("_", "-")
    near = [name for name in labels if name and name.split("-")[0] == wanted.split("-")[0]]
    found = labels.get(wanted) or (labels[near[0]] if near else "") or labels.get("")
    return found or otherwise


def labels_of(session: Session, shop_id: int, locale: str) -> dict[str, dict[str, str]]:
    """The words for every value of every choice, in one language: {property: {value: words}}."""
    return {
        name: {
            str(option["value"]): translated_label(option["labels"], locale, str(option["value"]))
            for option in each.options
        }
        for name, each in definitions_of(session, shop_id).items()
    }


def options_of(definition: PropertyDefinition, locale: str) -> Sequence[tuple[str, str]]:
    """The (value, words) of a choice."""
    return [
        (str(option["value"]), translated_label(option["labels"], locale, str(option["value"])))
        for option in definition.options
    ]
