"""Imports of profiles from a file: the merchant's declaration, the progress and the problems.

The file itself lies beside the database (`plugin.sheets.files`); no row here names a shopper.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CursorResult, Index, func, text, update
from sqlmodel import Field, Session, SQLModel, col, select
from typing_extensions import TypedDict

from storage.engine import bulk, db
from storage.engine.types import big, enum_column, json_column, moment, row_key, shop_key
from storage.shops import Shop


class ImportState(StrEnum):
    """`uploading → ready → running → done | stopped | failed`, `ready → discarded`, and
    `reverting → reverted`.
    """

    UPLOADING = "uploading"
    READY = "ready"  # the file is whole; the merchant says what its columns are
    RUNNING = "running"
    REVERTING = "reverting"  # its profiles are taken off the list again
    DONE = "done"
    STOPPED = "stopped"  # by the merchant
    REVERTED = "reverted"
    FAILED = "failed"  # the file cannot be read
    DISCARDED = "discarded"  # by the merchant, before any row was read


class ProblemCode(StrEnum):
    """What is wrong with a file."""

    # the whole file, which is then refused
    PACKED = "packed"
    BINARY = "binary"
    MARKUP = "markup"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    HEADLESS = "headless"
    WIDE = "wide"
    TWICE = "twice"
    GONE = "gone"
    TOO_MANY_FILES = "too_many_files"
    CUT_OFF = "cut_off"
    # a row, which is then left out
    UNREADABLE = "unreadable"
    NUL = "nul"
    LONG = "long"
    OPEN = "open"
    COLUMNS = "columns"
    NO_ADDRESS = "no_address"
    TOO_YOUNG = "too_young"
    FAILED = "failed"
    # a cell: the row is imported without it
    EMAIL = "email"
    PHONE = "phone"
    MASKED = "masked"
    ROUNDED = "rounded"
    NO_TEXTS = "no_texts"
    MOMENT = "moment"
    DAY_OR_MONTH = "day_or_month"
    CONSENT = "consent"
    PROPERTIES = "properties"
    STAYS = "stays"


WORKING_STATES = (ImportState.RUNNING, ImportState.REVERTING)
ENDED_STATES = (
    ImportState.DONE, ImportState.STOPPED, ImportState.REVERTED, ImportState.FAILED,
    ImportState.DISCARDED,
)  # fmt: skip
SOURCE = "import:"  # how the source of a membership begins that a file made
MAX_PROBLEM_ROWS = 100_000  # listed of one import; the others are counted


class Declaration(TypedDict, total=False):
    """What the merchant declares about consent: where, on which day and for which channels."""

    channels: list[str]
    where: str
    on: str


class Import(SQLModel, table=True):
    """One file of profiles. Its progress is written with the rows that it stands for."""

    __tablename__ = "profile_import"
    __table_args__ = (
        Index("profile_import_due", "due_at",
              postgresql_where=text("state IN ('running', 'reverting')"),
              sqlite_where=text("state IN ('running', 'reverting')")),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    file_name: str
    state: ImportState = enum_column(ImportState, default=ImportState.UPLOADING)
    size: int = big()  # bytes: as announced, then as they are
    encoding: str = ""
    delimiter: str = ""
    data_offset: int = big(default=0)  # the byte at which the first row after the header begins
    columns: list[str] = json_column(list)
    mapping: list[str] = json_column(list)  # what each column is, of `plugin.imports.columns`
    declaration: Declaration = json_column()
    list_id: int | None = big(nullable=True, default=None)
    starts_flows: bool = False
    offset: int = big(default=0)  # where work goes on: a byte of the file, or a profile's id
    line: int = big(default=1)
    rows: int = big(default=0)  # of people, read so far
    rejected: int = big(default=0)  # of these, left out
    problems: int = big(default=0)  # rows that are not taken as they stand, left out or not
    added_to_list: int = big(default=0)
    error: str = Field(default="", description="a `ProblemCode`, when it has failed")
    due_at: datetime = moment()
    created_at: datetime = moment()
    finished_at: datetime | None = moment(default=None)
    expires_at: datetime | None = moment(default=None)  # of the file; None when it is gone

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        if self.state in ENDED_STATES:
            return 1.0
        return (
            min(1.0, self.offset / self.size)
            if self.size and self.state == ImportState.RUNNING
            else 0.0
        )

    @property
    def source(self) -> str:
        """What memberships that it makes are marked with."""
        return f"{SOURCE}{self.id}"


class ImportProblem(SQLModel, table=True):
    """What is wrong with a row or a cell of a file; never what stands in it."""

    __tablename__ = "import_problem"

    shop_id: int = shop_key()
    import_id: int = Field(primary_key=True, sa_type=BigInteger)
    line: int = Field(primary_key=True, sa_type=BigInteger)
    column: int = Field(primary_key=True, description="the column from 0; -1: the whole row")
    code: ProblemCode = enum_column(ProblemCode)


def add_import(session: Session, held: Import) -> None:
    """Begin an import."""
    session.add(held)
    session.flush()


def get_import(session: Session, shop_id: int, import_id: int) -> Import | None:
    """One import, as the database has it now."""
    return session.get(Import, (shop_id, import_id), populate_existing=True)


def imports_of(session: Session, shop_id: int, limit: int | None = 50) -> Sequence[Import]:
    """A shop's imports, newest first."""
    newest = (col(Import.created_at).desc(), col(Import.id).desc())
    return session.exec(
        select(Import).where(Import.shop_id == shop_id).order_by(*newest).limit(limit)
    ).all()


def imports_to(session: Session, shop_id: int, list_id: int, limit: int = 20) -> Sequence[Import]:
    """The imports that put people on a list, newest first."""
    newest = (col(Import.created_at).desc(), col(Import.id).desc())
    return session.exec(
        select(Import)
        .where(Import.shop_id == shop_id, Import.list_id == list_id)
        .order_by(*newest)
        .limit(limit)
    ).all()


def names_of(session: Session, shop_id: int, ids: Iterable[int]) -> dict[int, str]:
    """The names of some imports' files, by import id."""
    rows = session.exec(
        select(Import.id, Import.file_name).where(
            Import.shop_id == shop_id, bulk.is_among(col(Import.id), set(ids))
        )
    )
    return dict(rows.all())


def count_open(session: Session, shop_id: int) -> int:
    """How many of a shop's imports have a file."""
    return session.exec(
        select(func.count()).where(Import.shop_id == shop_id, col(Import.expires_at).is_not(None))
    ).one()


def next_due(session: Session, shop_id: int, now: datetime) -> Import | None:
    """The shop's earliest import that has work to do."""
    return session.exec(
        select(Import)
        .where(
            Import.shop_id == shop_id, col(Import.state).in_(WORKING_STATES), Import.due_at <= now
        )
        .order_by(col(Import.created_at), col(Import.id))
        .limit(1)
    ).first()


def due_shops(session: Session, now: datetime) -> list[int]:
    """Installed shops with an import that has work to do."""
    query = (
        select(Import.shop_id)
        .join(Shop, col(Shop.id) == col(Import.shop_id))
        .where(
            col(Shop.uninstalled_at).is_(None),
            col(Import.state).in_(WORKING_STATES),
            Import.due_at <= now,
        )
        .distinct()
    )
    return [row[0] for row in db.across_shops(session, query, "the clock enqueues imports")]


def expired_imports(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Return (shop id, import id) of the imports of all shops with a file due for deletion."""
    query = select(Import.shop_id, Import.id).where(col(Import.expires_at) <= now)
    rows = db.across_shops(session, query, "the clock deletes expired files")
    return [(row[0], row[1]) for row in rows]


def save_progress(session: Session, held: Import, **changes: Any) -> bool:
    """Advance an import from where `held` saw it; return whether it still stood there.

    The position is part of the condition, so that concurrent workers count nothing twice.
    """
    moved = session.connection().execute(
        update(Import)
        .where(
            col(Import.shop_id) == held.shop_id,
            col(Import.id) == held.id,
            col(Import.state) == held.state,
            col(Import.offset) == held.offset,
        )
        .values(changes)
    )
    return isinstance(moved, CursorResult) and moved.rowcount == 1


def add_problems(session: Session, held: Import, found: Sequence[tuple[int, int, str]]) -> None:
    """Note problems, given as (line, place, reason), as long as there is room in the list."""
    if held.problems >= MAX_PROBLEM_ROWS:
        return
    names = ("line", "column", "code")
    key = {"shop_id": held.shop_id, "import_id": held.id}
    rows = [{**key, **dict(zip(names, each, strict=True))} for each in found]
    bulk.add_rows(session, ImportProblem, rows, unless_known=True)


def problems_of(
    session: Session, shop_id: int, import_id: int, after: tuple[int, int], *, limit: int
) -> list[tuple[int, int, str]]:
    """Some flaws after a (line, place), in the order of the file."""
    place = (col(ImportProblem.line), col(ImportProblem.column))
    rows = session.exec(
        select(ImportProblem.line, ImportProblem.column, ImportProblem.code)
        .where(
            ImportProblem.shop_id == shop_id,
            ImportProblem.import_id == import_id,
            (place[0] > after[0]) | ((place[0] == after[0]) & (place[1] > after[1])),
        )
        .order_by(*place)
        .limit(limit)
    )
    return [(line, at, reason) for line, at, reason in rows]
