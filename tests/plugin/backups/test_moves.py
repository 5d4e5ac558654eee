"""A backup of SQLite comes into an empty PostgreSQL, whole and behind its policies."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    create_engine,
    insert,
    text,
)
from sqlmodel import SQLModel, select

from plugin.backups.backup import make_backup
from plugin.backups.restore import restore_backup
from plugin.backups.unsent import decide, require_decision
from plugin.errors import RegularsError
from plugin.flows import library
from plugin.settings import Settings
from storage import arrivals, schema, transfers
from storage.arrivals import Arrival
from storage.consent_ledger import ConsentEvent
from storage.engine import append_only, db
from storage.engine.types import Encrypted, EnumText, Moment
from storage.restorations import Restoration, UnsentChoice
from storage.shops import Shop
from storage.tables import INBOX_TABLES
from tests.plugin.backups.contents import (
    all_rows,
    back_up_under_load,
    customer,
    digest_all,
    known_emails,
)
from tests.rules import canary

pytestmark = pytest.mark.usefixtures("data_dir")

AWKWARD = "Łódź 店 🛍 \\N \\. \t \r\n 'x' \"y\" \\x41 {1,2}"
DOCUMENT = {"text": AWKWARD, "none": None, "yes": True, "many": [1, 2.5, -(2**62)], "": {}}


def awkward(column: Column[Any], number: int) -> Any:
    """A value that a copy as text could spoil; of the second row none, where there may be none."""
    kind = column.type
    if number == 2 and column.nullable:
        return None
    if isinstance(kind, EnumText):
        return [*kind.kinds[0]][-number]
    if isinstance(kind, Moment):
        return datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
    if isinstance(kind, JSON):
        return DOCUMENT
    if isinstance(kind, Boolean):
        return number == 1
    if isinstance(kind, LargeBinary) and not isinstance(kind, Encrypted):
        return bytes(range(256))
    if isinstance(kind, Date):
        return date(1, 1, number)
    if isinstance(kind, Float):
        return 0.1 + number
    if isinstance(kind, Integer):  # and BigInteger
        return 900 + number if column.primary_key else 2**31 - number
    return f"{number} {AWKWARD}"


def fill_every_table() -> None:
    """Two awkward rows in each table."""
    for table in SQLModel.metadata.sorted_tables:
        turn = db.inbox_transaction if table.name in INBOX_TABLES else db.transaction
        with turn() as session:
            for number in (1, 2):
                row = {column.name: awkward(column, number) for column in table.c}
                db.across_shops(session, insert(table).values(row), "this test")


def test_every_value_of_every_table_comes_over_as_it_was(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings]
) -> None:
    canary.plant(shop)
    library.seed_flows(shop.id)
    fill_every_table()
    before = all_rows()
    assert all(before.values())

    make_backup(tmp_path / "backup.tar")
    restore_backup(tmp_path / "backup.tar", moved())

    assert not db.is_sqlite(db.engine())
    after = all_rows()
    assert len(after.pop("restoration")) == len(before.pop("restoration")) + 1
    assert after == before


def test_all_that_waited_for_a_worker_comes_over(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings], monkeypatch: Any
) -> None:
    monkeypatch.setattr(arrivals, "TAKEN_IN_AT_ONCE", 2)  # fewer than wait
    arrivals.add_deliveries([customer(shop, number) for number in range(1, 8)])
    make_backup(tmp_path / "backup.tar")

    restore_backup(tmp_path / "backup.tar", moved())
    decide(UnsentChoice.SEND)

    digest_all(shop)
    assert len(known_emails(shop)) == 7


def test_what_came_over_is_guarded_as_what_was_made_there(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings]
) -> None:
    """Policies and the ledger's triggers are up, and numbers go on behind those that are taken."""
    canary.plant(shop)
    arrivals.add_deliveries([customer(shop, number) for number in range(1, 6)])
    make_backup(tmp_path / "backup.tar")
    settings = moved()
    restore_backup(tmp_path / "backup.tar", settings)

    assert schema.is_current()
    assert schema.differences() == []
    with pytest.raises(RegularsError, match="Nothing is sent until you say"):
        require_decision()
    plain = create_engine(db.parse_url(settings.database()))
    with plain.connect() as connection:  # as SQL that our guards never see
        assert connection.execute(text("SELECT count(*) FROM profile")).scalar_one() == 0
    plain.dispose()
    with db.transaction() as session:
        assert append_only.is_protected(session)
        assert session.exec(select(ConsentEvent).where(ConsentEvent.shop_id == shop.id)).first()
    with db.inbox_reading() as session:
        query = select(Arrival.id).where(Arrival.shop_id == shop.id)
        taken = set(session.exec(query))
    arrivals.add_deliveries([customer(shop, 6)])
    with db.inbox_reading() as session:
        (new,) = set(session.exec(query)) - taken
    assert new > max(taken)


def test_o03_what_was_acknowledged_before_a_backup_moves_while_others_write(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings]
) -> None:
    acknowledged = back_up_under_load(shop, tmp_path / "backup.tar")

    restore_backup(tmp_path / "backup.tar", moved())
    decide(UnsentChoice.SEND)

    digest_all(shop)
    assert acknowledged <= known_emails(shop)


def test_a_database_that_is_not_empty_is_left_alone(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings]
) -> None:
    make_backup(tmp_path / "backup.tar")
    settings = moved()
    restore_backup(tmp_path / "backup.tar", settings)
    with pytest.raises(RegularsError, match=r"The database is not empty\. Restore into an empty"):
        restore_backup(tmp_path / "backup.tar", settings)

    another = settings.model_copy(update={"database_url": moved().database_url})
    engine = create_engine(db.parse_url(another.database()))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoices ()"))
    engine.dispose()
    with pytest.raises(RegularsError, match="The database is not empty"):
        restore_backup(tmp_path / "backup.tar", another)


def test_a_move_that_was_cut_off_holds_what_is_there_and_is_done_again(
    sqlite: str,
    shop: Shop,
    tmp_path: Path,
    moved: Callable[[], Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    canary.plant(shop)
    before = all_rows()
    make_backup(tmp_path / "backup.tar")
    settings = moved()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfers, "_continue_sequences", die)  # behind the last row
        with pytest.raises(KeyboardInterrupt):
            restore_backup(tmp_path / "backup.tar", settings)
    left = {name for name, rows in all_rows().items() if rows}
    assert left == {db.table_of(Restoration).name}
    assert schema.is_current(), "its policies are up"
    with pytest.raises(RegularsError, match="Nothing is sent until you say"):
        require_decision()

    restore_backup(tmp_path / "backup.tar", settings)
    assert all_rows()["event"] == before["event"]
    assert len(all_rows()["restoration"]) == 1


def test_what_postgresql_does_not_take_is_named_by_its_table_and_no_shopper(
    sqlite: str, shop: Shop, tmp_path: Path, moved: Callable[[], Settings]
) -> None:
    with db.transaction() as session:
        spoilt = "UPDATE shop SET name = 'a' || char(0) || 'secret' WHERE id = :id"
        session.connection().execute(text(spoilt), {"id": shop.id})
    make_backup(tmp_path / "backup.tar")

    with pytest.raises(RegularsError, match=r"^shop can't be loaded: [^\n]+\.$") as refused:
        restore_backup(tmp_path / "backup.tar", moved())
    assert "secret" not in refused.value.message


def test_a_backup_of_postgresql_comes_back_into_postgresql_alone(
    database: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    if db.is_sqlite(db.engine()):
        pytest.skip("this is of the other direction")
    elsewhere()  # PostgreSQL's own programs
    make_backup(tmp_path / "backup.tar")
    settings = Settings(data_dir=tmp_path / "file")

    with pytest.raises(RegularsError, match="is of PostgreSQL, and comes back into PostgreSQL"):
        restore_backup(tmp_path / "backup.tar", settings)
    assert [*settings.data_dir.iterdir()] == []


@pytest.mark.parametrize("versions", ["0099-0002", "0012-0099", "future"])
def test_a_backup_of_a_newer_version_is_refused_before_anything_is_written(
    sqlite: str,
    shop: Shop,
    tmp_path: Path,
    elsewhere: Callable[[], Settings],
    monkeypatch: pytest.MonkeyPatch,
    versions: str,
) -> None:
    monkeypatch.setattr("plugin.backups.backup.current_versions", lambda: versions)
    make_backup(tmp_path / "backup.tar")
    settings = elsewhere()

    with pytest.raises(RegularsError, match=r"made by a newer Regulars \(.+\): this one does not"):
        restore_backup(tmp_path / "backup.tar", settings)
    assert [*settings.data_dir.iterdir()] == []
