"""Row-level security: a transaction has one shop, or all, and sees no other's rows.

It is the shop that its first statement on a shop's table names. A later statement that names
another raises, and PostgreSQL shows no other's rows, whatever SQL it is: the policies stand on each
table with a `shop_id` and hold for the tables' owner too. They read a setting that ends with its
transaction, which any pooler keeps together. A transaction that begins with a statement over all
shops (`db.across_shops`) is over all to its end (docs/decisions/0017).
"""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count, takewhile
from typing import Any
from weakref import WeakKeyDictionary

from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Connection, Engine, Insert, TextClause, event, text
from sqlalchemy.engine import Compiled
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, Grouping

SETTING = "regulars.shop"
ALL_SHOPS = "all"
POLICY = "one_shop"
ONE_AT_A_TIME = 7_305_002  # processes that start together must not make the same policy at once

# Measured on PostgreSQL 18, as the server's CPU: a row that is written costs 2.5 µs more (than 14),
# one of 20,000 that are counted 0.15 more (than 0.1). Read once in a statement, by a sub-select,
# it would cost 0.02 there, and 5 to 8 for a row that is written. PostgreSQL expects of a CASE
# that it holds for half of the rows; of a comparison that it does for few, and plans for few.
_SET = f"current_setting('{SETTING}', true)"
ITS_OWN = f"CASE WHEN shop_id::text = {_SET} THEN true ELSE {_SET} = '{ALL_SHOPS}' END"

_UNPROTECTED = text("""
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND attname = 'shop_id' AND NOT attisdropped
      AND NOT (relrowsecurity AND relforcerowsecurity AND EXISTS
          (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polname = :policy))
    ORDER BY relname
""")
_FORCED = text("""
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relforcerowsecurity ORDER BY relname
""")
_EXEMPT = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


def unprotected(connection: Connection) -> list[str]:
    """The tables of shops that show every transaction all of their rows."""
    return list(connection.execute(_UNPROTECTED, {"policy": POLICY}).scalars())


def protect(connection: Connection) -> None:
    """Put the policy on each table of shops that lacks it."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    for name in unprotected(connection):
        for statement in (
            f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
            f'DROP POLICY IF EXISTS {POLICY} ON "{name}"',
            f'CREATE POLICY {POLICY} ON "{name}" USING ({ITS_OWN})',
        ):
            connection.execute(text(statement))


@contextmanager
def without_policies(connection: Connection) -> Generator[None]:
    """Let the tables' owner fill them by COPY, which goes by no policy, until the block ends.

    That holds for this transaction alone: no other sees the tables until they are as before.
    """
    found = list(connection.execute(_FORCED).scalars())
    for name in found:
        connection.execute(text(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY'))
    yield  # what raises in the block takes the whole transaction back
    for name in found:
        connection.execute(text(f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY'))


def is_exempt(connection: Connection) -> bool:
    """Whether no policy holds for the role that we are: a superuser, or one with BYPASSRLS."""
    return bool(connection.execute(_EXEMPT).scalar())


SHOP = "shop_of_transaction"  # where a connection keeps it
UNTOLD = "settings_of_transaction"  # where it keeps what its first statement is to set
_IN_TEXT = re.compile(r"\bshop_id\s*=\s*:(\w+)", re.IGNORECASE)

_places: WeakKeyDictionary[Compiled, tuple[str, ...]] = WeakKeyDictionary()


class OtherShopError(Exception):
    """A transaction of one shop names another."""


def bind_transactions(engine: Engine, settings: Mapping[str, str]) -> None:
    """Bind each transaction of `engine` to a shop, or to all, by the first that it names.

    Args:
        settings: what else each transaction of PostgreSQL begins with.
    """

    @event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        conn.info.pop(SHOP, None)
        conn.info[UNTOLD] = settings

    @event.listens_for(engine, "before_cursor_execute")
    def bind(
        conn: Connection, cursor: Any, sql: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if conn.info.get(SHOP) == ALL_SHOPS:
            return
        every = context.execution_options.get("all_shops")
        # A number: a word would be SQL where it is set, and one of the words means all shops.
        named = {ALL_SHOPS} if every else set(map(int, _shops(context, parameters)))
        name_shops(conn, named, sql)
        if conn.info.get(UNTOLD):
            _tell(conn, {})


def name_shops(conn: Connection, named: set[Any], sql: str) -> None:
    """Bind this transaction to the shop that a statement names, if it is its first to name one.

    Raises:
        OtherShopError: it is another shop's, or the statement names several.
    """
    bound = conn.info.get(SHOP)
    if not named or bound == ALL_SHOPS or named == {bound}:
        return
    if bound is not None or len(named) > 1:
        raise OtherShopError(f"One transaction names several shops: {sql[:500]}")
    (conn.info[SHOP],) = named
    if conn.dialect.name != "sqlite":
        _tell(conn, {SETTING: conn.info[SHOP]})


def _tell(conn: Connection, settings: Mapping[str, Any]) -> None:
    """Set these in the database, along with the transaction's BEGIN where that is still to come:
    a statement of its own would be a second way to the server and back.
    """
    wanted = {**conn.info.pop(UNTOLD, {}), **settings}
    statements = [f"SET LOCAL {name} = '{value}'" for name, value in wanted.items()]
    driver: Any = conn.connection.driver_connection
    if (
        driver.pgconn.transaction_status == TransactionStatus.IDLE
        and driver.isolation_level is None
        and not driver.autocommit
    ):
        done = driver.pgconn.exec_("; ".join(["BEGIN", *statements]).encode())
        if done.status == ExecStatus.COMMAND_OK:
            return
    for statement in statements:  # and what may be wrong is said as of any other statement
        conn.exec_driver_sql(statement)


def _shops(context: Any, parameters: Any) -> Iterator[Any]:
    """The shops that a statement names by its parameters."""
    compiled = context.compiled
    if compiled is None:  # of `storage.engine.bulk`, which calls them by the column's name
        row = parameters[0] if isinstance(parameters, list) and parameters else parameters
        if isinstance(row, Mapping):  # of many rows the first: PostgreSQL checks each
            yield from (row[name] for name in ("shop_id", "key_shop_id") if name in row)
        return
    places = _places.get(compiled)
    if places is None:
        places = _places[compiled] = tuple(_find_places(compiled))
    for row in context.compiled_parameters if places else ():
        for place in places:
            if place in row:
                yield row[place]
            else:  # of IN, where each value has a place of its own
                each = (f"{place}_{number}" for number in count(1))
                yield from (row[name] for name in takewhile(row.__contains__, each))


def _find_places(compiled: Any) -> Iterable[str]:
    """The parameters of a statement that are compared with a shop_id, or written there."""
    found: set[str] = set()
    names = {bind.key: name for bind, name in compiled.bind_names.items()}
    for part in visitors.iterate(compiled.statement):
        if isinstance(part, TextClause):
            found.update(_IN_TEXT.findall(part.text))
        elif isinstance(part, Insert):
            found.update(name for name in compiled.binds if re.fullmatch(r"shop_id(_m\d+)?", name))
        elif isinstance(part, BinaryExpression) and part.operator in (
            operators.eq,
            operators.in_op,
        ):
            left, right = _bare(part.left), _bare(part.right)
            for side, other in ((left, right), (right, left)):
                if getattr(side, "name", "") == "shop_id" and isinstance(other, BindParameter):
                    found.add(names.get(other.key, other.key))
    return found & set(compiled.binds)


def _bare(side: Any) -> Any:
    return side.element if isinstance(side, Grouping) else side
