"""Run imports of profiles: upload, start, read, revert, expire.

The file lies in the data folder, and is never in memory. A step commits its progress together with
its rows, so that after a crash the next process continues from there.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import ConcurrentChangeError, RegularsError
from plugin.imports.header import find_header, guess_columns
from plugin.imports.rows import WHOLE_ROW, ParsedRows, RowParser
from plugin.ingest.record import record_facts
from plugin.jobs import Progress, SliceJob
from plugin.lists import create_in
from plugin.profiles import list_membership
from plugin.settings import get_settings
from plugin.sheets import encoding, files, records
from plugin.sheets.problems import SheetError
from plugin.sheets.records import Row
from plugin.values import parse_email, without_unstorable
from storage import consent, imports, lists, shops
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.imports import Import, ImportState, ProblemCode
from storage.shops import Shop

ROWS_BATCH_SIZE = 500  # rows in a transaction
MEMBERS_BATCH_SIZE = 5_000  # of a list looked at in a transaction
MAX_OPEN_IMPORTS = 20  # files of a shop at a time
MAX_FILE_NAME_CHARS = 200  # letters of a file's or a column's name

log = structlog.get_logger()


def begin_upload(shop_id: int, file_name: str, size: int) -> Import:
    """Make room for a file of so many bytes.

    Raises:
        SheetError: it is too large, or too many lie here already.
    """
    now = clock.now()
    if not 0 < size <= max_bytes():
        raise SheetError(ProblemCode.TOO_LARGE if size > 0 else ProblemCode.EMPTY)
    held = Import(
        shop_id=shop_id, id=new_id(), size=size,
        file_name=without_unstorable(file_name)[:MAX_FILE_NAME_CHARS],
        due_at=now, created_at=now, expires_at=now + files.KEPT_FOR,
    )  # fmt: skip
    with db.transaction() as session:
        if imports.count_open(session, shop_id) >= MAX_OPEN_IMPORTS:
            raise SheetError(ProblemCode.TOO_MANY_FILES)
        imports.add_import(session, held)
    files.create_file(shop_id, held.id)
    return held


def max_bytes() -> int:
    """The largest file that is taken."""
    return get_settings().import_mb * 1_000_000


def append_upload(held: Import, at: int, piece: bytes) -> int:
    """Append a piece that begins at this byte to an upload; return the file's length.

    Raises:
        SheetError: the file grows beyond its declared size, or is no longer wanted.
    """
    if held.state != ImportState.UPLOADING:
        raise SheetError(held.error or ProblemCode.TWICE)
    if at + len(piece) > held.size:
        raise SheetError(ProblemCode.TOO_LARGE)
    try:
        return files.append_piece(files.path_of(held.shop_id, held.id), at, piece)
    except FileNotFoundError:
        raise SheetError(ProblemCode.GONE) from None


def finish_upload(held: Import) -> None:
    """A file is whole: find out what it is, and guess what its columns are. Twice is a no-op.

    Raises:
        SheetError: it is refused, and gone.
    """
    if held.state != ImportState.UPLOADING:
        return
    path = files.path_of(held.shop_id, held.id)
    try:
        sort = encoding.detect_format(path)
        set_format(held, sort.encoding, sort.delimiter)
    except FileNotFoundError:
        raise SheetError(ProblemCode.GONE) from None
    except SheetError as error:
        _move(
            held,
            state=ImportState.FAILED,
            error=error.reason,
            finished_at=clock.now(),
            expires_at=None,
        )
        files.delete_file(held.shop_id, held.id)
        raise


def set_format(held: Import, encoding: str, delimiter: str) -> None:
    """Read the header in an encoding and by a separator, and guess what its columns are.

    Raises:
        SheetError: it names no columns.
    """
    path = files.path_of(held.shop_id, held.id)
    header = find_header(records.read_rows(path, encoding, delimiter))
    if header is None:
        raise SheetError(ProblemCode.EMPTY)
    if header.flaw:
        wide = header.flaw in (ProblemCode.COLUMNS, ProblemCode.LONG)
        raise SheetError(ProblemCode.WIDE if wide else ProblemCode.HEADLESS)
    names = [without_unstorable(name).strip()[:MAX_FILE_NAME_CHARS] for name in header.cells]
    if not any(names) or any(parse_email(name) for name in names):
        raise SheetError(ProblemCode.HEADLESS)  # a person's address is no name of a column
    _move(
        held, state=ImportState.READY, encoding=encoding, delimiter=delimiter,
        data_offset=header.end, offset=header.end, line=header.next_line, columns=names,
        mapping=guess_columns(names),
        size=path.stat().st_size,
    )  # fmt: skip


def sample_rows(held: Import, count: int) -> list[Row]:
    """The first rows of people in a file that waits to be read."""
    path = files.path_of(held.shop_id, held.id)
    found = records.read_rows(path, held.encoding, held.delimiter, held.data_offset, line=held.line)
    return list(itertools.islice((row for row in found if row.cells or row.flaw), count))


def start_import(held: Import, list_name: str = "") -> None:
    """Start to import a file with matched columns; into a new list, if it has a name.

    Raises:
        ListError: the new list is refused.
        RegularsError: the list was deleted meanwhile (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, held.shop_id)
        list_id = held.list_id
        if list_name:
            list_id = create_in(session, held.shop_id, list_name)
        elif list_id is not None and lists.get_list(session, held.shop_id, list_id) is None:
            raise RegularsError("List not found.", 404)
        declaration = {
            "mapping": held.mapping,
            "declaration": held.declaration,
            "starts_flows": held.starts_flows,
        }
        _advance(
            session,
            held,
            state=ImportState.RUNNING,
            due_at=clock.now(),
            list_id=list_id,
            **declaration,
        )
    _remember(held, {"state": ImportState.RUNNING, "list_id": list_id})
    jobs.enqueue("imports", held.shop_id)


def stop_import(held: Import) -> None:
    """Read no further; what was read stays."""
    if held.state in (ImportState.UPLOADING, ImportState.READY, ImportState.RUNNING):
        _move(held, state=ImportState.STOPPED, finished_at=clock.now())


def revert_import(held: Import) -> None:
    """Remove from the list the members that this import added to it."""
    if held.list_id is not None and held.state in (
        ImportState.RUNNING,
        ImportState.DONE,
        ImportState.STOPPED,
        ImportState.FAILED,
    ):
        _move(held, state=ImportState.REVERTING, offset=0, due_at=clock.now())
        jobs.enqueue("imports", held.shop_id)


def discard_import(shop_id: int, import_id: int) -> None:
    """Delete the file of an import; one that is not done fails."""
    with db.transaction() as session:
        held = imports.get_import(session, shop_id, import_id)
        if held is not None:
            held.expires_at = None
            if held.state in (ImportState.UPLOADING, ImportState.READY, ImportState.RUNNING):
                held.state, held.error, held.finished_at = (
                    ImportState.FAILED,
                    ProblemCode.GONE,
                    clock.now(),
                )
            session.add(held)
    files.delete_file(shop_id, import_id)


def delete_upload(held: Import) -> None:
    """Delete a file because its merchant wants it; what was read of it stays."""
    if held.state in (ImportState.UPLOADING, ImportState.READY):
        _move(held, state=ImportState.DISCARDED, finished_at=clock.now())
    discard_import(held.shop_id, held.id)


def expire_imports() -> None:
    """Delete expired files."""
    with db.reading() as session:
        over = imports.expired_imports(session, clock.now())
    for shop_id, import_id in over:
        discard_import(shop_id, import_id)


def advance_import(shop_id: int) -> Progress:
    """Read the next rows of a shop's file, or take the next members off its list again."""
    found = _next(shop_id)
    if found is None:
        return Progress.DONE
    _step(*found)
    return Progress.MORE


SLICE_JOB = SliceJob("imports", advance_import, imports.due_shops, interval=timedelta(seconds=2))


def _next(shop_id: int) -> tuple[Shop, Import] | None:
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        held = imports.next_due(session, shop_id, clock.now())
    if shop is None or held is None or shop.uninstalled_at is not None:
        return None
    return shop, held


def _step(shop: Shop, held: Import) -> None:
    try:
        if held.state == ImportState.REVERTING:
            _leave(held)
        else:
            _read(shop, held)
    except ConcurrentChangeError:
        log.info("import.moved", shop=shop.id, held=held.id)
    except FileNotFoundError:
        discard_import(shop.id, held.id)


def _read(shop: Shop, held: Import) -> None:
    """Read the file on from where we are."""
    path = files.path_of(shop.id, held.id)
    found = records.read_rows(path, held.encoding, held.delimiter, held.offset, line=held.line)
    if batch := list(itertools.islice(found, ROWS_BATCH_SIZE)):
        _record(shop, held, RowParser(held, shop.country), batch)
    else:
        _finish(held, ImportState.DONE)


def _record(shop: Shop, held: Import, reader: RowParser, rows: Sequence[Row]) -> None:
    """Record rows, and the progress that they are, in one transaction."""
    try:
        _commit(shop, held, reader.parse(rows), rows[-1])
    except (*db.TRANSIENT, ConcurrentChangeError):
        raise
    except Exception:  # one row that cannot be kept does not spoil the others
        log.exception("import.failed", shop=shop.id, held=held.id)
        for row in rows:
            _record_alone(shop, held, reader, row)


def _record_alone(shop: Shop, held: Import, reader: RowParser, row: Row) -> None:
    try:
        _commit(shop, held, reader.parse([row]), row)
    except (*db.TRANSIENT, ConcurrentChangeError):
        raise
    except Exception:  # any error: it is shown to the merchant, and the next row is read
        log.exception("import.row_failed", shop=shop.id, held=held.id, line=row.line)
        failed = ParsedRows(
            rows=1, rejected=1, problems=[(row.line, WHOLE_ROW, ProblemCode.FAILED)]
        )
        _commit(shop, held, failed, row)


def _commit(shop: Shop, held: Import, taken: ParsedRows, last: Row) -> None:
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        found = [*taken.problems, *_who_said_no(session, shop.id, taken)]
        progress = {
            "offset": last.end,
            "line": last.next_line,
            "rows": held.rows + taken.rows,
            "rejected": held.rejected + taken.rejected,
            "problems": held.problems + len({line for line, *_ in found}),
        }
        imports.add_problems(session, held, found)
        _advance(session, held, **progress)
        entered = record_facts(session, shop, taken.facts, now) if taken.facts.profiles else []
    _remember(held, progress)
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment) for enrolment in entered])


def _who_said_no(session: Session, shop_id: int, taken: ParsedRows) -> list[tuple[int, int, str]]:
    """Return a problem for each yes of the file without effect, since its address is
    unsubscribed.
    """
    yes = [fact for fact in taken.facts.consents if fact.state == ConsentState.SUBSCRIBED]
    if not yes:
        return []
    noes = consent.refusing_addresses(
        session, shop_id, {(fact.channel, fact.address) for fact in yes}
    )
    lines = {taken.lines[id(fact.profile)] for fact in yes if (fact.channel, fact.address) in noes}
    return [(line, WHOLE_ROW, ProblemCode.STAYS) for line in sorted(lines)]


def _leave(held: Import) -> None:
    """Take the next members off the list again."""
    assert held.list_id is not None
    origin = (held.shop_id, held.list_id, held.source)
    with db.transaction() as session:
        db.lock_shop(session, held.shop_id)  # a merge writes memberships anew
        last = list_membership.remove_batch(
            session, *origin, after=held.offset, limit=MEMBERS_BATCH_SIZE
        )
        # A shopper merged meanwhile is on the list as an older profile, which we have passed.
        if last is None and lists.count_from(session, *origin):
            last = 0
        if last is not None:
            _advance(session, held, offset=last)
    if last is None:
        _finish(held, ImportState.REVERTED)


def _finish(held: Import, state: str) -> None:
    with db.transaction() as session:
        joined = 0
        if held.list_id is not None:
            joined = lists.count_from(session, held.shop_id, held.list_id, held.source)
        _advance(session, held, state=state, added_to_list=joined, finished_at=clock.now())
    log.info("import.finished", shop=held.shop_id, held=held.id, rows=held.rows)


def _move(held: Import, **changes: Any) -> None:
    with db.transaction() as session:
        _advance(session, held, **changes)
    _remember(held, changes)


def _advance(session: Session, held: Import, **changes: Any) -> None:
    if not imports.save_progress(session, held, **changes):
        raise ConcurrentChangeError


def _remember(held: Import, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        setattr(held, name, value)
