"""The tenant guard: refuse a statement on a shop's table that does not name its shop.

It reads the statement that SQLAlchemy is about to run, so a missing `shop_id` raises in tests and
in production alike. Work that is meant for every shop (the clock's claims) says why:
`session.execute(statement, execution_options={"all_shops": "the clock claims what is due"})`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from weakref import WeakSet

from sqlalchemy import Delete, Engine, MetaData, Select, TextClause, Update, event
from sqlalchemy.engine import Compiled
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ClauseElement,
    ColumnElement,
    Grouping,
)
from sqlalchemy.sql.selectable import AliasedReturnsRows, Join, SelectBase, TableClause

BOUND = "(bound)"
Link = tuple[str, str]  # when the first is bound to a shop, so is the second

# Text is read, not parsed. What begins like this creates or maintains tables and returns no rows.
_TENDS = re.compile(r"(CREATE|ALTER|DROP|PRAGMA|ANALYZE|VACUUM|REINDEX|COMMENT)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAMES_ITS_SHOP = re.compile(r"\bshop_id\s*(=|IN\b)|=\s*(\w+\.)?shop_id\b", re.IGNORECASE)
_INSERTS_ONLY = re.compile(r"(INSERT|REPLACE)\b(?!.*\bSELECT\b)", re.IGNORECASE | re.DOTALL)


class MissingShopError(Exception):
    """A query on a shop's table lacks its `shop_id`."""


_checked: WeakSet[Compiled] = WeakSet()  # SQLAlchemy keeps what it compiled: each is read once


def guard_queries(engine: Engine, metadata: MetaData) -> None:
    """Check every statement that `engine` runs against the shops' tables of `metadata`."""

    @lru_cache(1_000)
    def read_text(sql: str) -> None:
        require_shop(TextClause(sql), metadata)

    @event.listens_for(engine, "before_cursor_execute")
    def check(
        conn: Any, cursor: Any, sql: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if context.execution_options.get("all_shops") or context.compiled in _checked:
            return
        compiled = context.compiled
        try:
            if compiled is None:
                read_text(sql)
            else:
                require_shop(compiled.statement, metadata)
        except MissingShopError as error:
            raise MissingShopError(f"{error}: {sql[:500]}") from None
        if compiled is not None:
            _checked.add(compiled)


def require_shop(clause: Any, metadata: MetaData) -> None:
    """Raise `MissingShopError` when a table of a shop is read or changed without its shop."""
    guarded = {t.name for t in metadata.tables.values() if "shop_id" in t.c}
    if isinstance(clause, TextClause):
        _check_text(clause.text, guarded)
    elif isinstance(clause, ClauseElement):
        for part in visitors.iterate(clause):
            if isinstance(part, Select | Update | Delete):
                _check(part, guarded)
            elif isinstance(part, TextClause):
                _check_text(part.text, guarded)


def _check_text(text: str, guarded: set[str]) -> None:
    """Text may begin with a comment, a bracket or WITH: only its words count."""
    plain = _COMMENT.sub(" ", text).lstrip(" \t\r\n(;")
    if _TENDS.match(plain) or _INSERTS_ONLY.match(plain):
        return
    if guarded & set(re.findall(r"\w+", plain.lower())) and not _NAMES_ITS_SHOP.search(plain):
        raise MissingShopError("This text names no shop_id")


def _check(statement: Select[Any] | Update | Delete, guarded: set[str]) -> None:
    sources = _sources(statement)
    names = {source.name for table in sources for source in _tables(table, guarded)}
    if not names:
        return
    links: dict[str, set[str]] = {}
    for one, other in _links(statement, sources, names, guarded):
        links.setdefault(one, set()).add(other)
    reached, todo = {BOUND}, [BOUND]
    while todo:
        fresh = links.get(todo.pop(), set()) - reached
        reached |= fresh
        todo += fresh
    if missing := names - reached:
        raise MissingShopError(f"No shop_id for {', '.join(sorted(missing))}")


def _sources(statement: Select[Any] | Update | Delete) -> list[Any]:
    """What it reads from or writes to. A change reads every table that its conditions name."""
    if isinstance(statement, Select):
        return list(statement.get_final_froms())
    # SQLAlchemy adds such tables to UPDATE … FROM and DELETE … USING by itself.
    clauses = [statement.whereclause, *(getattr(statement, "_values", None) or {}).values()]
    return [statement.table, *(t for each in clauses for t in _named_in(each))]


def _named_in(clause: Any) -> Iterator[Any]:
    """The tables of a condition's own columns; a subquery in it looks after itself."""
    if isinstance(clause, SelectBase):
        return
    if isinstance(clause, ColumnElement) and (table := getattr(clause, "table", None)) is not None:
        yield table
    if isinstance(clause, ClauseElement):
        for part in clause.get_children():
            yield from _named_in(part)


def _tables(source: Any, guarded: set[str]) -> Iterator[Any]:
    """The shops' tables that a source is made of, by the names that they have in it."""
    if isinstance(source, Join):
        yield from _tables(source.left, guarded)
        yield from _tables(source.right, guarded)
        return
    table = source.element if isinstance(source, AliasedReturnsRows) else source
    if isinstance(table, TableClause) and table.name in guarded:
        yield source


def _links(
    statement: Select[Any] | Update | Delete,
    sources: list[Any],
    names: set[str],
    guarded: set[str],
) -> Iterator[Link]:
    """What must hold for every row, from the conditions after WHERE and those after ON."""
    if statement.whereclause is not None:
        for one, other in _equalities(statement.whereclause, names):
            yield from ((one, other), (other, one))
    for source in sources:
        yield from _joined(source, names, guarded)


def _joined(source: Any, names: set[str], guarded: set[str]) -> Iterator[Link]:
    """An outer join keeps the rows that its ON does not fit: it binds its right side alone."""
    if not isinstance(source, Join):
        return
    yield from _joined(source.left, names, guarded)
    yield from _joined(source.right, names, guarded)
    if source.full:
        return
    right = {each.name for each in _tables(source.right, guarded)}
    for one, other in _equalities(source.onclause, names):
        for start, end in ((one, other), (other, one)):
            if not source.isouter or end in right:
                yield start, end


def _equalities(condition: Any, names: set[str]) -> Iterator[tuple[str, str]]:
    """`a.shop_id = b.shop_id` and `a.shop_id = a value`.

    Only conditions joined by AND count; one side of an OR binds nothing.
    """
    if isinstance(condition, Grouping):
        yield from _equalities(condition.element, names)
    elif isinstance(condition, BooleanClauseList):
        if condition.operator is operators.and_:
            for part in condition.clauses:
                yield from _equalities(part, names)
    elif isinstance(condition, BinaryExpression) and condition.operator in (
        operators.eq,
        operators.in_op,
    ):
        left, right = _side(condition.left, names), _side(condition.right, names)
        if left and right:
            yield left, right


def _side(side: Any, names: set[str]) -> str | None:
    """Return the table of a shop_id, or that it is a value; None when it binds nothing."""
    if isinstance(side, Grouping):
        return _side(side.element, names)
    if isinstance(side, BindParameter):
        return BOUND
    table = getattr(side, "table", None)
    if table is None or side.name != "shop_id":
        return None
    if table.name in names:
        return str(table.name)
    # Of a subquery, which is checked itself when its shop_id is a shop's table's own.
    made_of = [base for base in side.base_columns if base is not side]
    return BOUND if made_of and all(_is_value_or_shop(base) for base in made_of) else None


def _is_value_or_shop(base: Any) -> bool:
    return isinstance(base, BindParameter) or getattr(base, "name", "") == "shop_id"
