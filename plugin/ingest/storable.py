"""What a database can hold of facts: texts that fit into an index, numbers that fit into a column.

Without this door a delivery that it cannot hold fails its whole batch and is tried five times.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain

from sqlalchemy import BigInteger, Column, Integer, String, Table
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
    for name, check in _checks(model):
        check(row.get(name))


@lru_cache
def _checks(model: type[SQLModel]) -> list[tuple[str, Callable[[object], None]]]:
    """What to look at in a row of a table, by column."""
    table = db.table_of(model)
    found = ((each.name, _check_of(table, each)) for each in table.c)
    return [(name, check) for name, check in found if check is not None]


def _check_of(table: Table, column: Column[object]) -> Callable[[object], None] | None:
    name = f"{table.name}.{column.name}"
    if isinstance(column.type, Integer):
        bits = 64 if isinstance(column.type, BigInteger) else 32
        return lambda value: _require_number(name, value, bits)
    if isinstance(column.type, String | AutoString) and column.name in _indexed(table):
        return lambda value: _require_key(name, value)
    return None


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
