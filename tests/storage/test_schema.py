"""Migrations lead to what the code expects, and back."""

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
