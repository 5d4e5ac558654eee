"""What a database can hold of facts: texts that fit into an index, numbers that fit into a column.

Without this door a delivery that it cannot hold fails its whole batch and is tried five times.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain

from sqlalchemy import BigInteger, Integer, String, Table
from sqlmodel import AutoString, SQLModel

from plugin.errors import MalformedError
from plugin.facts import Facts, ProfileFact
from storage.checkouts import Checkout
from storage.engine import db
from storage.orders import Order, OrderLine
from storage.products import Product, Variant

# A row of PostgreSQL's index holds 2,704 bytes, and two of our texts at most stand in one.
MAX_KEY_BYTES = 1_000
LONGEST_CHAR_BYTES = 4  # in UTF-8
SHORT_CHARS = MAX_KEY_BYTES // LONGEST_CHAR_BYTES  # never too long, whatever they are


def require_storable(facts: Facts) -> None:
    """Go on only with facts that a database can hold.

    Raises:
        MalformedError: it cannot; the message names the field.
    """
    for person in facts.profiles:
        _require_keys(person)
    for event in facts.events:
        _require_key("an event's id", event.unique_id)
        _require_number("an event's value", event.value, 64)
    for consent in facts.consents:
        _require_key("a consent's key", consent.dedupe_key)
    for _, order, lines in facts.orders:
        _require_row(Order, order)
        for line in lines:
            _require_row(OrderLine, line)
    for _, checkout in facts.checkouts:
        _require_row(Checkout, checkout)
    for each in facts.products:
        _require_row(Product, each.product)
        for variant in each.variants:
            _require_row(Variant, variant)
        for number in each.others:
            _require_number("variants", number, 64)
    for record in facts.records:
        _require_row(record.table, record.row)


def _require_keys(person: ProfileFact) -> None:
    for key in person.identities:
        _require_key(key.kind, key.value)


def _require_row(model: type[SQLModel], row: Mapping[str, object]) -> None:
    numbers, keys = _limited(model)
    for column, bits in numbers:
        value = row.get(column)
        if value is not None and (type(value) is not int or value.bit_length() >= bits):
            _require_number(f"{model.__tablename__}.{column}", value, bits)
    for column in keys:
        value = row.get(column)
        if type(value) is not str or len(value) > SHORT_CHARS:
            _require_key(f"{model.__tablename__}.{column}", value)


@lru_cache
def _limited(model: type[SQLModel]) -> tuple[list[tuple[str, int]], list[str]]:
    """The columns of a table that hold whole numbers, each with its bits, and those of its indexes
    that hold a text.
    """
    table = db.table_of(model)
    numbers = [
        (column.name, 64 if isinstance(column.type, BigInteger) else 32)
        for column in table.c
        if isinstance(column.type, Integer)
    ]
    texts = [column.name for column in table.c if isinstance(column.type, String | AutoString)]
    return numbers, [name for name in texts if name in _indexed(table)]


def _indexed(table: Table) -> set[str]:
    return {
        column.name
        for column in chain(
            table.primary_key.columns, *(index.columns for index in table.indexes)
        )
    }  # fmt: skip


def _require_key(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not a text")
    if len(value) > SHORT_CHARS and len(value.encode()) > MAX_KEY_BYTES:
        raise MalformedError(f"{name} is longer than {MAX_KEY_BYTES} bytes")


def _require_number(name: str, value: object, bits: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedError(f"{name} is not a whole number")
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise MalformedError(f"{name} is a number of more than {bits} bits")
