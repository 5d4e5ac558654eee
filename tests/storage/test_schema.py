"""Migrations lead to what the code expects, and back."""

import pytest
from sqlalchemy import text

from plugin.errors import RegularsError
from plugin.runtime.connect import require_schema
from storage import schema
from storage.engine import db


def test_migrations_build_exactly_the_tables_that_the_code_has(database):
    assert schema.is_current()
    assert schema.differences() == []


def test_migrations_go_down_to_nothing_and_up_again(database):
    schema.downgrade()
    assert not schema.is_current()

    schema.upgrade()
    assert schema.is_current()
    assert schema.differences() == []


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
