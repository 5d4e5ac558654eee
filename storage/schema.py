"""The schema: bring the databases to the newest version, and say where they stand."""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import WeakSet

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, Table, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from storage import planner_statistics
from storage.engine import append_only, db, row_security
from storage.tables import INBOX_TABLES

LINES = ("main", "inbox")
VERSION_TABLES = ("main_version", "inbox_version")
MIGRATIONS = Path(__file__).parent / "migrations"
WRITABLE_WITHIN_S = 4.0  # every other writer in line has a turn of milliseconds
# Databases found complete, by line: readiness asks every second, and one check is enough.
_complete: dict[str, WeakSet[Engine]] = {"main": WeakSet(), "inbox": WeakSet()}
_protected: WeakSet[Engine] = WeakSet()


def upgrade(main: str = "head", inbox: str = "head") -> None:
    """Bring each database up to a revision of its line of history (`head`: the newest).

    Raises:
        DatabaseError: a migration failed, and the database is as it was before that migration;
            or the database is of a newer version, or its tables are not those of its version.
    """
    _migrate(main, inbox)
    if main == inbox == "head":
        require_tables()
    # Not a migration of its own: SQLite's batch migrations make a table anew, without its triggers.
    with db.engine().execution_options(begin="IMMEDIATE").begin() as connection:
        append_only.create_triggers(connection)
        if not db.is_sqlite(db.engine()):
            row_security.protect(connection)
    for line, engine in lines():
        if db.is_sqlite(engine):
            with engine.execution_options(begin="IMMEDIATE").begin() as connection:
                planner_statistics.assume_large_shops(connection, f"{line}_version")
            engine.dispose()  # they are read when a connection opens


def _migrate(main: str, inbox: str) -> None:
    to = {"main": main, "inbox": inbox}
    for line, engine in lines():
        try:
            _run(line, engine, lambda config, line=line: command.upgrade(config, to[line]))
        except SQLAlchemyError as error:
            raise db.DatabaseError(f"The database could not be upgraded: {error}.") from error
        except CommandError as error:
            raise db.DatabaseError(f"The database is of another version: {error}.") from error


def downgrade() -> None:
    """Take everything down again: every table and its rows are gone. For tests of migrations."""
    for line, engine in lines():
        _run(line, engine, lambda config, line=line: command.downgrade(config, "base"))


def is_current() -> bool:
    """Whether both databases stand at the newest version, with all its tables and columns."""
    return is_newest() and not missing_parts() and is_protected()


def is_protected() -> bool:
    """Whether the database keeps each shop's rows from other shops; SQLite cannot."""
    engine = db.engine()
    if db.is_sqlite(engine) or engine in _protected:
        return True
    with engine.connect() as connection:
        if row_security.unprotected(connection):
            return False
    _protected.add(engine)
    return True


def is_exempt_from_policies() -> bool:
    """Whether the database shows all shops' rows to whatever we ask, for our role's sake."""
    if db.is_sqlite(db.engine()):
        return False
    with db.engine().connect() as connection:
        return row_security.is_exempt(connection)


def is_newest() -> bool:
    """Whether the version that both databases name is the newest."""
    for line, engine in lines():
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": f"{line}_version"}
            )
            if context.get_current_heads() != (newest(line),):
                return False
    return True


def require_tables() -> None:
    """Go on only with the tables of the newest version.

    Raises:
        DatabaseError: parts are missing, as in a database that an unreleased version made.
    """
    if missing := missing_parts():
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise db.DatabaseError(
            f"The database says that it is of version {newest('main')}, but it lacks "
            f"{', '.join(missing[:3])}{more}. Restore a backup that this version made, or move the "
            "database away and run `regulars migrate` to begin with an empty one."
        )


def missing_parts() -> list[str]:
    """Tables and columns (`table.column`) that the code needs and the databases lack."""
    missing: list[str] = []
    for line, engine in lines():
        if engine in _complete[line]:
            continue
        there = {
            name: {column["name"] for column in columns}
            for (_, name), columns in inspect(engine).get_multi_columns().items()
        }
        lacking: list[str] = []
        for table in tables_of(line):
            if table.name not in there:
                lacking.append(table.name)
            else:
                gone = [each.name for each in table.c if each.name not in there[table.name]]
                lacking += [f"{table.name}.{name}" for name in gone]
        if not lacking:
            _complete[line].add(engine)
        missing += lacking
    return missing


def tables_of(line: str) -> list[Table]:
    """The tables that the code has in a line's database."""
    tables = SQLModel.metadata.sorted_tables
    return [table for table in tables if (table.name in INBOX_TABLES) == (line == "inbox")]


def takes_writes() -> bool:
    """Whether both databases take a write now; it is a real one, and changes nothing."""
    try:
        for line, engine in lines():
            with db.writing(engine, WRITABLE_WITHIN_S) as connection:
                connection.execute(text(f"UPDATE {line}_version SET version_num = version_num"))
    except (db.DatabaseError, SQLAlchemyError):
        return False
    return True


def differences() -> list[object]:
    """What the tables in code have that the migrated databases lack, and the other way round."""
    found: list[object] = []
    for line, engine in lines():
        with engine.connect() as connection:
            options = {
                "version_table": f"{line}_version",
                "include_object": lambda o, name, kind, reflected, other, line=line: (
                    kind != "table"
                    or (name not in VERSION_TABLES and (name in INBOX_TABLES) == (line == "inbox"))
                ),
            }
            context = MigrationContext.configure(connection, opts=options)
            found += compare_metadata(context, SQLModel.metadata)
    return found


def lines() -> list[tuple[str, Engine]]:
    """The two lines of history, each with the database that it is for."""
    return [("main", db.engine()), ("inbox", db.inbox_engine())]


def add_revision(line: str, message: str) -> None:
    """Write the next migration of a line from what the tables in code have and it lacks.

    `python -m storage.schema main "What it adds"`, on an empty database of its own.
    """
    with TemporaryDirectory() as folder:
        db.connect(f"sqlite:///{folder}/empty.db")
        _migrate("head", "head")
        number = len(list((MIGRATIONS / line).glob("[0-9]*.py"))) + 1
        act = partial(command.revision, message=message, autogenerate=True, rev_id=f"{number:04}")
        _run(line, dict(lines())[line], act)
        db.disconnect()


def newest(line: str) -> str:
    """The newest revision of a line of history."""
    return str(ScriptDirectory.from_config(_config(line)).get_current_head())


def is_known(line: str, revision: str) -> bool:
    """Whether a revision is one of a line's history, as this version of the code knows it."""
    try:
        return ScriptDirectory.from_config(_config(line)).get_revision(revision) is not None
    except CommandError:
        return False


def _config(line: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(MIGRATIONS / line))
    config.attributes["line"] = line
    return config


def _run(line: str, engine: Engine, act: object) -> None:
    assert callable(act)
    # SQLite makes a table anew for most changes, and copies the rows of every shop.
    options = {"begin": "IMMEDIATE", "all_shops": "a migration"}
    with engine.execution_options(**options).begin() as connection:
        if not db.is_sqlite(engine):
            for limit in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            ):
                connection.execute(text(f"SET LOCAL {limit} = 0"))  # an index takes its time
        config = _config(line)
        config.attributes["connection"] = connection
        act(config)


if __name__ == "__main__":
    add_revision(*sys.argv[1:])
