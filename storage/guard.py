"""The tenant guard: a statement on a shop's table that does not name its shop is refused.

It reads the statement that SQLAlchemy is about to run, so a forgotten `shop_id` raises in tests
and in production alike. Work that is meant for every shop (the clock's claims) says why:
`session.execute(statement, execution_options={"all_shops": "the clock claims what is due"})`.
"""

import re
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from sqlalchemy import Delete, Engine, MetaData, Select, Table, TextClause, Update, event
from sqlalchemy.engine import Compiled
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    ColumnElement,
    Grouping,
)
from sqlalchemy.sql.schema import Column
from sqlalchemy.sql.selectable import Alias, FromClause, Join

BOUND = "(bound)"


class ForgottenShopError(Exception):
    """A query on a shop's table lacks its `shop_id`."""


def watch(engine: Engine, metadata: MetaData) -> None:
    """Check every statement that `engine` runs against the shops' tables of `metadata`."""

    checked: WeakSet[Compiled] = WeakSet()  # SQLAlchemy keeps what it compiled: each is read once

    @event.listens_for(engine, "before_cursor_execute")
    def check(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        if context.execution_options.get("all_shops") or context.compiled in checked:
            return
        if context.compiled is None:
            require_shop(TextClause(sql), metadata)
        else:
            require_shop(context.compiled.statement, metadata)
            checked.add(context.compiled)


def require_shop(clause: Any, metadata: MetaData) -> None:
    """Raise `ForgottenShopError` when a table of a shop is read or changed without its shop."""
    if isinstance(clause, TextClause):
        if clause.text.lstrip()[:6].upper() not in ("SELECT", "UPDATE", "DELETE"):
            return
        words = set(re.findall(r"\w+", clause.text))
        tables = {t.name for t in metadata.tables.values() if "shop_id" in t.c}
        if words & tables and "shop_id" not in words:
            raise ForgottenShopError(f"This text names no shop_id: {clause.text[:200]}")
        return
    if isinstance(clause, ClauseElement):
        for part in visitors.iterate(clause):
            if isinstance(part, Select | Update | Delete):
                _check(part)


def _check(statement: Select[Any] | Update | Delete) -> None:
    if isinstance(statement, Select):
        sources = [t for f in statement.get_final_froms() for t in _tables(f)]
        joined = [c for f in statement.get_final_froms() for c in _on_clauses(f)]
    else:
        sources, joined = list(_tables(statement.table)), []
    names = {_name(t) for t in sources if "shop_id" in t.c}
    if not names:
        return
    links: dict[str, set[str]] = {}
    where = [] if statement.whereclause is None else [statement.whereclause]
    for condition in where + joined:
        for left, right in _equalities(condition, names):
            links.setdefault(left, set()).add(right)
            links.setdefault(right, set()).add(left)
    reached, todo = {BOUND}, [BOUND]
    while todo:
        fresh = links.get(todo.pop(), set()) - reached
        reached |= fresh
        todo += fresh
    if missing := names - reached:
        raise ForgottenShopError(f"No shop_id for {', '.join(sorted(missing))} in: {statement}")


def _tables(source: Any) -> Iterator[FromClause]:
    if isinstance(source, Join):
        yield from _tables(source.left)
        yield from _tables(source.right)
    elif isinstance(source, Table) or (
        isinstance(source, Alias) and isinstance(source.element, Table)
    ):
        yield source


def _on_clauses(source: Any) -> Iterator[ColumnElement[Any]]:
    if isinstance(source, Join):
        if source.onclause is not None:
            yield source.onclause
        yield from _on_clauses(source.left)
        yield from _on_clauses(source.right)


def _name(source: Any) -> str:
    return str(source.name)


def _equalities(condition: Any, names: set[str]) -> Iterator[tuple[str, str]]:
    """What must hold for every row: `a.shop_id = b.shop_id` and `a.shop_id = a value`.

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
    if isinstance(side, Column) or getattr(side, "table", None) is not None:
        if side.name != "shop_id" or side.table is None:
            return None
        name = _name(side.table)
        return name if name in names else BOUND  # another statement's table: bound out there
    return BOUND
