"""No page reads a whole shop: each statement finds its rows by an index, or stops at a limit."""

import re
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import SQLModel

from storage import tables
from storage.engine import db

# Tables that grow with a shop's shoppers and with what they do.
GROWS = {
    name
    for name, table in SQLModel.metadata.tables.items()
    if {"profile_id", "address"} & set(table.c.keys()) and name not in tables.INBOX_TABLES
} | {"profile", "merge", "order_line"}
# A step of SQLite's plan that looks for rows, and columns that half a shop's rows may have alike.
STEP = re.compile(r"(?:SCAN|SEARCH) (\w+)(?: USING [^(]+)?(?: \((.*)\))?(?: LEFT-JOIN)?$")
COMMON = {"shop_id", "state", "status", "channel", "kind", "metric", "source", "transactional"}
# What is read goes no further than a limit: a list's page, and a count "of 1,000 and more".
LIMITED = re.compile(r"LIMIT \?(?: OFFSET \?)?(?:\) AS \w+)?$")
# Else it reads all before it has the first one; the right part of an order it sorts in pieces.
SORTS_ALL = {f"USE TEMP B-TREE FOR {what}" for what in ("ORDER BY", "GROUP BY", "DISTINCT")}
# Of each metric the first; and how many are in which flow, on no shopper's page.
MAY = ("WITH RECURSIVE names", "SELECT enrolment.flow_id")


@pytest.fixture
def statements(filled: dict[str, int]) -> Generator[dict[str, Any]]:
    """The statements that are run, with the values of one time."""
    told: dict[str, Any] = {}

    def note(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            told[sql] = params

    event.listen(db.engine(), "before_cursor_execute", note)
    yield told
    event.remove(db.engine(), "before_cursor_execute", note)


def reads_everybody(statements: dict[str, Any]) -> Iterator[str]:
    """The statements that would read all of a shop, however large it is."""
    with db.reading() as session:
        connection = session.connection().connection
        for sql, params in statements.items():
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
            ends = LIMITED.search(sql) and not SORTS_ALL & set(plan)
            for step in filter(_is_of_everybody, plan):
                if not ends and not sql.startswith(MAY):
                    yield f"{step}: {sql}"


def _is_of_everybody(step: str) -> bool:
    found = STEP.match(step)
    if found is None or found[1] not in GROWS:
        return False
    return set(re.findall(r"(\w+)[=<>]", found[2] or "")) <= COMMON


def test_no_page_reads_a_whole_shop(merchant, statements, pages: Callable[[], list[str]]):
    for path in pages():
        assert merchant.open(path).status_code == 200

    assert len(statements) > 50
    assert [*reads_everybody(statements)] == []
