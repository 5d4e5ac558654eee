"""Write statistics that let SQLite's planner expect large shops.

Without them it assumes that a shop has ten rows in every table, and reads them all instead of
finding some by an index: a shopper's page of a shop of a million took seconds. Figures that it
gathered by itself (ANALYZE) would be those of a shop's first days; these are the same in every
installation, tests included (https://sqlite.org/optoverview.html, "Manual Control Of Query Plans
Using SQLITE_STAT Tables"). PostgreSQL gathers its own all the time.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

ASSUMED_ROWS = 10_000_000  # of a table
ROWS_PER_SHOP = 1_000_000
ROWS_PER_VALUE = 10  # rows of a shop with one value of a column: one shopper's, one moment's
FEW_VALUES_SHARE = 10  # one of so many rows has one value of the columns below
COLUMNS_WITH_FEW_VALUES = frozenset((
    "action_id", "channel", "flow_id", "kind", "line", "list_id", "metric", "outcome", "purpose",
    "state", "status", "transactional",
))  # fmt: skip

# Of a table that is its own index (WITHOUT ROWID), that index bears the table's name. An index of
# some rows is as small as SQLite takes it for.
_INDEXES = """
    SELECT tables.name, iif(tables.wr AND indexes.origin = 'pk', tables.name, indexes.name),
           indexes."unique", (SELECT group_concat(name) FROM
               (SELECT name FROM pragma_index_info(indexes.name) ORDER BY seqno))
    FROM pragma_table_list AS tables, pragma_index_list(tables.name) AS indexes
    WHERE tables.schema = 'main' AND tables.type = 'table' AND NOT indexes.partial
      AND tables.name NOT LIKE 'sqlite%'
"""


def assume_large_shops(connection: Connection, of: str) -> None:
    """Let SQLite plan for large shops from the next connection on; `of` is any small table."""
    connection.execute(text(f"ANALYZE {of}"))  # makes the table of the statistics
    connection.execute(text("DELETE FROM sqlite_stat1"))
    shapes = {"all_shops": "names of tables and columns, no rows"}
    found = connection.execute(text(_INDEXES), execution_options=shapes).all()
    for table, index, unique, columns in found:
        counts = " ".join(map(str, [ASSUMED_ROWS, *_rows(columns.split(","), bool(unique))]))
        connection.execute(
            text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"),
            {"tbl": table, "idx": index, "stat": counts},
        )


def _rows(columns: Sequence[str], unique: bool) -> Iterator[int]:
    """How many rows have the same value in the first column, in the first two, and so on."""
    rows = ASSUMED_ROWS
    for number, column in enumerate(columns, start=1):
        if unique and number == len(columns):
            rows = 1
        elif column == "shop_id":
            rows = ROWS_PER_SHOP
        elif column in COLUMNS_WITH_FEW_VALUES:
            rows = max(rows // FEW_VALUES_SHARE, ROWS_PER_VALUE)
        else:
            rows = min(rows, ROWS_PER_VALUE)
        yield rows
