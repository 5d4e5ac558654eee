"""Imports of profiles. In: a merchant's file and what it means. Out: the rows that it stands for.

The file lies in the data folder, and is never in memory. A step commits how far it is together with
what it read, so that a process may die at any moment and the next one goes on from there.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from sqlmodel import Session

from plugin import clock, facts
from plugin import jobs as bell
from plugin.errors import RegularsError
from plugin.imports import columns
from plugin.imports.rows import WHOLE, Reader, Taken
from plugin.ingest.record import record
from plugin.lists import make
from plugin.profiles import merge
from plugin.settings import get_settings
from plugin.sheets import encoding, files, records
from plugin.sheets import problems as flaws
from plugin.sheets.problems import SheetError
from plugin.sheets.records import Row
from storage import consent, imports, lists, shops
from storage.consent import SUBSCRIBED
from storage.engine import db, locks
from storage.engine.ids import new_id
from storage.imports import (
    DONE,
    FAILED,
    LEAVING,
    LEFT,
    READY,
    RUNNING,
    STOPPED,
    UPLOADING,
    Import,
)
from storage.shops import Shop

BATCH = 500  # rows in a transaction
MEMBERS = 5_000  # of a list looked at in a transaction
SLICE_S = 20.0  # of one shop's turn; then the others have theirs
MOST_OPEN = 20  # files of a shop at a time
LONGEST_NAME = 200  # letters of a file's or a column's name

log = structlog.get_logger()


class MovedError(Exception):
    """Somebody else has moved the import on: stopped it, or taken it off its list."""


def begin(shop_id: int, file_name: str, size: int) -> Import:
    """Make room for a file of so many bytes.

    Raises:
        SheetError: it is too large, or too many lie here already.
    """
    now = clock.now()
    if not 0 < size <= most_bytes():
        raise SheetError(flaws.TOO_LARGE if size > 0 else flaws.EMPTY)
    held = Import(
        shop_id=shop_id, id=new_id(), file_name=facts.storable(file_name)[:LONGEST_NAME], size=size,
        due_at=now, created_at=now, expires_at=now + files.KEPT_FOR,
    )  # fmt: skip
    with db.transaction() as session:
        if imports.count_open(session, shop_id) >= MOST_OPEN:
            raise SheetError(flaws.MANY)
        imports.add(session, held)
    files.create(shop_id, held.id)
    return held


def most_bytes() -> int:
    """The largest file that is taken."""
    return get_settings().import_mb * 1_000_000


def receive(held: Import, at: int, piece: bytes) -> int:
    """Take in the piece of a file that begins at a byte; how long the file is now.

    Raises:
        SheetError: the file grows beyond what it was said to be, or is no longer wanted.
    """
    if held.state != UPLOADING:
        raise SheetError(held.error or flaws.TWICE)
    if at + len(piece) > held.size:
        raise SheetError(flaws.TOO_LARGE)
    try:
        return files.append(files.path_of(held.shop_id, held.id), at, piece)
    except FileNotFoundError:
        raise SheetError(flaws.GONE) from None


def arrive(held: Import) -> None:
    """A file is whole: find out what it is, and guess what its columns are. Twice is a no-op.

    Raises:
        SheetError: it is refused, and gone.
    """
    if held.state != UPLOADING:
        return
    path = files.path_of(held.shop_id, held.id)
    try:
        sort = encoding.look(path)
        describe(held, sort.encoding, sort.delimiter, sort.begins)
    except FileNotFoundError:
        raise SheetError(flaws.GONE) from None
    except SheetError as error:
        _move(held, state=FAILED, error=error.reason, finished_at=clock.now(), expires_at=None)
        files.drop(held.shop_id, held.id)
        raise


def describe(held: Import, encoding: str, delimiter: str, begins: int = 0) -> None:
    """Read the first row in an encoding and by a separator, and guess what its columns are.

    Raises:
        SheetError: it names no columns.
    """
    path = files.path_of(held.shop_id, held.id)
    header = next(records.rows(path, encoding, delimiter, begins), None)
    if header is None:
        raise SheetError(flaws.EMPTY)
    if header.flaw:
        wide = header.flaw in (flaws.COLUMNS, flaws.LONG)
        raise SheetError(flaws.WIDE if wide else flaws.HEADLESS)
    names = [facts.storable(name).strip()[:LONGEST_NAME] for name in header.cells]
    if not any(names) or any(facts.email(name) for name in names):
        raise SheetError(flaws.HEADLESS)  # somebody's address is no name of a column
    _move(
        held, state=READY, encoding=encoding, delimiter=delimiter, begins=header.end,
        offset=header.end, line=header.next_line, columns=names, mapping=columns.guess(names),
        size=path.stat().st_size,
    )  # fmt: skip


def first_rows(held: Import, count: int) -> list[Row]:
    """The first rows of people in a file that waits to be read."""
    path = files.path_of(held.shop_id, held.id)
    found = records.rows(path, held.encoding, held.delimiter, held.begins, held.line)
    return list(itertools.islice((row for row in found if row.cells or row.flaw), count))


def start(held: Import, list_name: str = "") -> None:
    """Begin to take in a file whose columns are known; on a new list, where it has a name.

    Raises:
        ListError: the new list is refused.
        RegularsError: the list was deleted meanwhile (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, held.shop_id)
        list_id = held.list_id
        if list_name:
            list_id = make(session, held.shop_id, list_name)
        elif list_id is not None and lists.get_list(session, held.shop_id, list_id) is None:
            raise RegularsError("There is no such list.", 404)
        said = {"mapping": held.mapping, "said": held.said, "starts_flows": held.starts_flows}
        _advance(session, held, state=RUNNING, due_at=clock.now(), list_id=list_id, **said)
    _remember(held, {"state": RUNNING, "list_id": list_id})
    bell.ring("imports", held.shop_id)


def stop(held: Import) -> None:
    """Read no further; what was read stays."""
    if held.state in (UPLOADING, READY, RUNNING):
        _move(held, state=STOPPED, finished_at=clock.now())


def leave(held: Import) -> None:
    """Take those off the list whom this import put on it."""
    if held.list_id is not None and held.state in (RUNNING, DONE, STOPPED, FAILED):
        _move(held, state=LEAVING, offset=0, due_at=clock.now())
        bell.ring("imports", held.shop_id)


def discard(shop_id: int, import_id: int) -> None:
    """Delete the file of an import; one that is not done fails."""
    with db.transaction() as session:
        held = imports.get_import(session, shop_id, import_id)
        if held is not None:
            held.expires_at = None
            if held.state in (UPLOADING, READY, RUNNING):
                held.state, held.error, held.finished_at = FAILED, flaws.GONE, clock.now()
            session.add(held)
    files.drop(shop_id, import_id)


def expire() -> None:
    """Delete the files whose time is over."""
    with db.reading() as session:
        over = imports.expired(session, clock.now())
    for shop_id, import_id in over:
        discard(shop_id, import_id)


def work(shop_id: int, for_s: float = SLICE_S) -> bool:
    """Go on for a while; whether there is more to do at once."""
    try:
        with locks.exclusive(f"import-{shop_id}", wait_s=0):
            until = time.monotonic() + for_s
            while time.monotonic() < until:
                found = _next(shop_id)
                if found is None:
                    return False
                _step(*found, until)
            return _next(shop_id) is not None
    except locks.LockTimeoutError:
        return False  # whoever has it goes on


def _next(shop_id: int) -> tuple[Shop, Import] | None:
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        held = imports.next_due(session, shop_id, clock.now())
    if shop is None or held is None or shop.uninstalled_at is not None:
        return None
    return shop, held


def _step(shop: Shop, held: Import, until: float) -> None:
    try:
        if held.state == LEAVING:
            _leave(held, until)
        else:
            _read(shop, held, until)
    except MovedError:
        log.info("import.moved", shop=shop.id, held=held.id)
    except FileNotFoundError:
        discard(shop.id, held.id)


def _read(shop: Shop, held: Import, until: float) -> None:
    """Read the file on from where we are."""
    path = files.path_of(shop.id, held.id)
    reader = Reader(held, shop.country)
    found = records.rows(path, held.encoding, held.delimiter, held.offset, held.line)
    for batch in _batches(found):
        _record(shop, held, reader, batch)
        if time.monotonic() > until:
            return
    _finish(held, DONE)


def _batches(found: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(itertools.islice(found, BATCH)):
        yield batch


def _record(shop: Shop, held: Import, reader: Reader, rows: Sequence[Row]) -> None:
    """Record rows, and the progress that they are, in one transaction."""
    try:
        _commit(shop, held, reader.take(rows), rows[-1])
    except (*db.TRANSIENT, MovedError):
        raise
    except Exception:  # one row that cannot be kept does not spoil the others
        log.exception("import.failed", shop=shop.id, held=held.id)
        for row in rows:
            _record_alone(shop, held, reader, row)


def _record_alone(shop: Shop, held: Import, reader: Reader, row: Row) -> None:
    try:
        _commit(shop, held, reader.take([row]), row)
    except (*db.TRANSIENT, MovedError):
        raise
    except Exception:  # whatever it holds: it is told to the merchant, and the next one is read
        log.exception("import.row_failed", shop=shop.id, held=held.id, line=row.line)
        failed = Taken(rows=1, refused=1, flaws=[(row.line, WHOLE, flaws.FAILED)])
        _commit(shop, held, failed, row)


def _commit(shop: Shop, held: Import, taken: Taken, last: Row) -> None:
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        found = [*taken.flaws, *_who_said_no(session, shop.id, taken)]
        progress = {
            "offset": last.end,
            "line": last.next_line,
            "rows": held.rows + taken.rows,
            "refused": held.refused + taken.refused,
            "flaws": held.flaws + len(found),
        }
        imports.keep_flaws(session, held, found)
        _advance(session, held, **progress)
        entered = record(session, shop, taken.facts, now) if taken.facts.people else []
    _remember(held, progress)
    bell.ring_for("advance", [(shop.id, enrolment) for enrolment in entered])


def _who_said_no(session: Session, shop_id: int, taken: Taken) -> list[tuple[int, int, str]]:
    """A flaw for each yes of the file that counts for nothing, as its address said no before."""
    yes = [said for said in taken.facts.consents if said.state == SUBSCRIBED]
    if not yes:
        return []
    noes = consent.refusing(session, shop_id, {(said.channel, said.address) for said in yes})
    lines = {taken.lines[id(said.person)] for said in yes if (said.channel, said.address) in noes}
    return [(line, WHOLE, flaws.STAYS) for line in sorted(lines)]


def _leave(held: Import, until: float) -> None:
    """Take members off the list again, as far as time allows."""
    assert held.list_id is not None
    while time.monotonic() < until:
        whose = (held.shop_id, held.list_id, held.source)
        with db.transaction() as session:
            db.lock_shop(session, held.shop_id)  # who merges writes memberships anew
            last = merge.leave_some(session, *whose, held.offset, MEMBERS)
            # Who was merged meanwhile is on the list as somebody older, whom we have passed.
            if last is None and lists.count_from(session, *whose):
                last = 0
            if last is not None:
                _advance(session, held, offset=last)
        if last is None:
            _finish(held, LEFT)
            return
        held.offset = last


def _finish(held: Import, state: str) -> None:
    with db.transaction() as session:
        joined = 0
        if held.list_id is not None:
            joined = lists.count_from(session, held.shop_id, held.list_id, held.source)
        _advance(session, held, state=state, joined=joined, finished_at=clock.now())
    log.info("import.finished", shop=held.shop_id, held=held.id, rows=held.rows)


def _move(held: Import, **changes: Any) -> None:
    with db.transaction() as session:
        _advance(session, held, **changes)
    _remember(held, changes)


def _advance(session: Session, held: Import, **changes: Any) -> None:
    if not imports.advance(session, held, **changes):
        raise MovedError


def _remember(held: Import, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(held, name, value)
