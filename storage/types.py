"""Column types shared by the tables: keys, moments, JSON and secrets at rest."""

from typing import Any

from sqlalchemy import JSON, BigInteger, LargeBinary, types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import Dialect
from sqlmodel import Field, UTCDateTime

from storage import secrets

Json = JSON().with_variant(JSONB(), "postgresql")


def shop_key() -> Any:
    """The first part of every primary key: the shop that the row belongs to."""
    return Field(primary_key=True, sa_type=BigInteger)


def row_key() -> Any:
    """The second part of a primary key: an id of `storage.ids`."""
    return Field(primary_key=True, sa_type=BigInteger)


def big(*, index: bool = False, nullable: bool = False, default: Any = ...) -> Any:
    """A 64-bit integer column: ids of ours or of the storefront, and money in minor units."""
    return Field(default, sa_type=BigInteger, index=index, nullable=nullable)


def moment(*, index: bool = False, default: Any = ...) -> Any:
    """An aware moment, kept in UTC."""
    return Field(default, sa_type=UTCDateTime, index=index)


def origin() -> Any:
    """The profile that a row came to, where that one has been merged into `profile_id` since."""
    return big(nullable=True, default=None)


def json_column(factory: Any = dict) -> Any:
    """A JSON document: JSONB on PostgreSQL, text on SQLite."""
    return Field(default_factory=factory, sa_type=Json)


class Encrypted(types.TypeDecorator[str]):
    """Text that is sealed with the installation's key before it reaches the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else secrets.seal(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else secrets.unseal(bytes(value))
