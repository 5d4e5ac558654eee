"""Erasure: a bounded part of a large shop costs what the part costs."""

from typing import Any

from sqlalchemy import event
from sqlmodel import SQLModel

from storage import erasure
from storage.engine import db
from storage.shops import Shop


def test_each_part_of_a_shop_that_goes_is_found_by_its_index(sqlite: str, shop: Shop) -> None:
    """Else SQLite would go through all that is left of the shop for each thousand rows."""
    said: dict[str, tuple[str, Any]] = {}

    @event.listens_for(db.engine(), "before_cursor_execute")
    def hear(conn: Any, cursor: Any, sql: str, values: Any, *_: object) -> None:
        if sql.startswith("DELETE"):
            said[sql.split()[2]] = sql, values

    with db.transaction() as session:
        while erasure.empty_shop(session, shop.id):
            pass

    assert len(said) > 40
    with db.engine().connect() as connection:
        for table, (sql, values) in said.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).first()
            named = SQLModel.metadata.tables[table.strip('"')]
            key = [column.name for column in named.primary_key]
            assert key == ["shop_id"] or "shop_id=? AND" in plan.detail, (table, plan.detail)
