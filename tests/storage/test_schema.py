"""Migrations lead to what the code expects, and back."""

from datetime import UTC, datetime

import pytest
from alembic import op
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import text

from plugin.errors import RegularsError
from plugin.runtime.connect import require_schema
from storage import schema
from storage.engine import db
from storage.profiles import Profile

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_migrations_build_exactly_the_tables_that_the_code_has(database):
    assert schema.is_current()
    assert schema.differences() == []


def test_migrations_go_down_to_nothing_and_up_again(database):
    schema.downgrade()
    assert not schema.is_current()

    schema.upgrade()
    assert schema.is_current()
    assert schema.differences() == []


def test_a_migration_may_make_a_table_anew(database, shop):
    def drop_a_column(config: Config) -> None:
        context = MigrationContext.configure(config.attributes["connection"])
        with Operations.context(context), op.batch_alter_table("profile") as batch:
            batch.drop_column("country")

    with db.transaction() as session:
        session.add(Profile(shop_id=shop.id, id=1, created_at=NOW, last_active_at=NOW))
    schema._run("main", db.engine(), drop_a_column)

    assert schema.missing_parts() == ["profile.country"]
    with db.engine().execution_options(all_shops="this is a test").begin() as connection:
        assert connection.execute(text("SELECT id FROM profile")).scalars().all() == [1]


def test_the_inbox_is_a_file_of_its_own_on_sqlite(sqlite):
    assert db.engine().url.database != db.inbox_engine().url.database


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("DROP TABLE attribution", "attribution"),
        ("ALTER TABLE profile DROP COLUMN country", "profile.country"),
    ],
)
def test_a_database_without_a_part_of_its_version_is_refused(database, change, lacks):
    with db.engine().begin() as connection:
        connection.execute(text(change))

    assert not schema.is_current()
    for act in (schema.upgrade, require_schema):
        with pytest.raises((db.DatabaseError, RegularsError)) as refused:
            act()
        assert f"it lacks {lacks}. Restore a backup" in str(refused.value)


def test_a_database_of_a_newer_version_is_refused(database):
    with db.engine().begin() as connection:
        connection.execute(text("UPDATE main_version SET version_num = '9999'"))

    assert not schema.is_current()
    with pytest.raises(db.DatabaseError, match="of another version"):
        schema.upgrade()
