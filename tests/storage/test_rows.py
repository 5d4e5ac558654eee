"""Each `TypedDict` of `storage` agrees with its table, since the database never sees the types."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from sqlmodel import SQLModel
from typing_extensions import is_typeddict

import storage
from storage.consent_ledger import ConsentEntry, ConsentEvent
from storage.engine import db


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(storage.__path__, "storage."):
        if ".migrations" not in found.name:
            yield importlib.import_module(found.name)


CLASSES = {
    each
    for module in modules()
    for each in vars(module).values()
    if isinstance(each, type) and each.__module__ == module.__name__
}
TABLES = {each for each in CLASSES if issubclass(each, SQLModel) and hasattr(each, "__table__")}
TYPED = {each for each in CLASSES if is_typeddict(each)}
ROWS = {
    each: table
    for each in TYPED
    for table in TABLES
    if (each.__name__, each.__module__) == (f"{table.__name__}Row", table.__module__)
} | {ConsentEntry: ConsentEvent}


def parts_of(annotation: Any) -> Iterator[Any]:
    yield annotation
    parts = get_type_hints(annotation).values() if is_typeddict(annotation) else ()
    for part in (*get_args(annotation), *parts):
        yield from parts_of(part)


DOCUMENTS = {
    part
    for table in TABLES
    for column in table.model_fields.values()
    for part in parts_of(column.annotation)
    if is_typeddict(part)
}


def types_of(typed: Any) -> dict[str, Any]:
    return get_type_hints(typed)


def columns_of(table: type[SQLModel]) -> dict[str, Any]:
    return {
        column.name: table.model_fields[column.name].annotation for column in db.table_of(table).c
    }


def named(each: type) -> str:
    return each.__name__


def test_what_is_called_a_row_is_one_of_a_table_beside_it() -> None:
    assert {each for each in TYPED if each.__name__.endswith("Row")} <= ROWS.keys()
    assert len(ROWS) >= 20


@pytest.mark.parametrize("row", sorted(ROWS, key=named), ids=named)
def test_a_row_has_the_columns_of_its_table_with_their_types(row: Any) -> None:
    assert types_of(row) == columns_of(ROWS[row])


@pytest.mark.parametrize("row", sorted(ROWS, key=named), ids=named)
def test_only_a_column_with_a_default_may_be_missing_from_a_row(row: Any) -> None:
    fields = ROWS[row].model_fields
    given = {name for name in fields if name not in row.__optional_keys__}
    by_chain = {"position", "hash"} if row is ConsentEntry else set()
    assert {name for name, each in fields.items() if each.is_required()} - by_chain <= given


@pytest.mark.parametrize("part", sorted(TYPED - ROWS.keys() - DOCUMENTS, key=named), ids=named)
def test_what_is_no_whole_row_names_columns_of_one_table(part: Any) -> None:
    types = types_of(part)
    assert any(types.items() <= columns_of(table).items() for table in TABLES)
