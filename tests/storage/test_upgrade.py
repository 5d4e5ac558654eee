"""A database that an earlier version wrote is upgraded, and keeps its rows."""

import json
import os

import psycopg
import pytest
from sqlalchemy import MetaData, Table, insert, inspect

from plugin.flows.definition import parse_definition
from storage import flows, schema, senders
from storage.engine import db
from storage.engine.types import JsonObject
from storage.flows import FlowVersion
from storage.senders import SenderProof
from tests.conftest import NOW, as_ordinary_role
from tests.storage import frozen_versions

VERSIONS = sorted(folder.name for folder in frozen_versions.FROZEN.iterdir())


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """This process connected to a database without tables."""
    if request.param == "sqlite":
        db.connect(f"sqlite:///{tmp_path / 'regulars.db'}")
        yield
        db.disconnect()
        return
    server = request.getfixturevalue("postgres_server")
    name = f"empty_{os.getpid()}"  # tests in other processes use the server, too
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER regulars")
    db.connect(as_ordinary_role(server.replace("/postgres?", f"/{name}?")))
    yield
    db.disconnect()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("versions", VERSIONS)
def test_a_database_of_an_earlier_version_is_upgraded_with_its_rows(empty, keys, versions):
    frozen_versions.load(versions)
    before = counts()

    schema.upgrade()

    assert schema.is_current()
    assert schema.differences() == []
    assert sum(before.values()) > 40
    assert counts() == counts() | before


def test_the_newest_version_is_frozen():
    newest = "-".join(schema.newest(line) for line in ("main", "inbox"))
    assert newest in VERSIONS, "run python -m tests.storage.freeze"


# As a store of version 0003 has it: what its flows said of their links, nothing read.
REMINDER: JsonObject = {
    "triggers": [{"type": "metric", "id": "Checkout Started"}],
    "entry_action_id": "1",
    "actions": [
        {"id": "1", "type": "time-delay", "links": {"next": "2"},
         "data": {"unit": "hours", "value": 1}},
        {"id": "2", "type": "send-email", "links": {"next": None},
         "data": {"message": {"name": "Reminder", "template_id": "7",
                              "smart_sending_enabled": False, "transactional": False},
                  "status": "live"}},
    ],
}  # fmt: skip


def test_a_flow_of_an_earlier_version_runs_as_it_did_and_names_its_mails_in_links(empty, keys):
    frozen_versions.load("0003-0001")
    with db.engine().begin() as connection:
        connection.execute(
            insert(FlowVersion),
            [{"shop_id": 1, "flow_id": 2, "version": 1, "definition": REMINDER, "created_at": NOW}],
        )

    schema.upgrade()

    with db.reading() as session:
        kept = flows.get_flow_version(session, 1, 2, 1)
    steps = parse_definition(kept.definition)
    mail = steps.actions["2"].step
    assert (mail.is_live, mail.message.smart_sending_enabled) == (True, False)
    assert mail.message.add_tracking_params


@pytest.mark.parametrize("versions", VERSIONS)
def test_a_published_migration_does_not_change(versions):
    published = json.loads((frozen_versions.FROZEN / versions / frozen_versions.HASHES).read_text())

    assert frozen_versions.migrations() | published == frozen_versions.migrations(), (
        "write a new migration instead"
    )


def counts():
    """Rows by table, of the tables that the databases have."""
    found = {}
    for line, engine in schema.lines():
        there = set(inspect(engine).get_table_names())
        with engine.execution_options(all_shops="this is a test").connect() as connection:
            for table in (each for each in schema.tables_of(line) if each.name in there):
                found[table.name] = len(frozen_versions.rows_of(connection, table.name).fetchall())
    return found


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_only_shop_of_an_installation_writes_from_stays_its_own(empty, keys, count):
    frozen_versions.load("0007-0001")
    with db.transaction() as session:
        shops = Table("shop", MetaData(), autoload_with=session.connection())  # as it was then
        first = session.connection().execute(shops.select()).mappings().one()
        session.connection().execute(
            shops.update().where(shops.c.id == first["id"]).values(sender_email="a@shop.example")
        )
        for other in range(1, count):
            row = {**first, "id": other, "domain": f"shop-{other}.myshopify.com"}
            session.connection().execute(shops.insert(), row)

    schema.upgrade()

    with db.reading() as session:
        held = senders.get_sender(session, first["id"], "a@shop.example")
    assert (held and held.proof) == (SenderProof.KEPT if count == 1 else None)
