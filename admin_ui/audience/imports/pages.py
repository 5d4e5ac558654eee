"""Imports: upload a file, match its columns, declare its consent, and follow its progress."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from admin_ui.audience.imports import columns as import_columns
from admin_ui.audience.imports.columns import sentence
from admin_ui.audience.lists.pages import sentence as list_sentence
from admin_ui.kit.request import AdminRequest, is_id, missing
from admin_ui.kit.routes import page
from plugin.imports import lifecycle
from plugin.lists import ListError
from plugin.sheets import encoding, files, problems
from plugin.sheets.cells import csv_chunks
from plugin.sheets.problems import SheetError
from plugin.texts import N_
from storage import imports, lists
from storage.engine import db
from storage.imports import WORKING_STATES, Import, ImportState

TITLE = N_("Imports")
STATES = {
    ImportState.UPLOADING: N_("Uploading"),
    ImportState.READY: N_("Ready to review"),
    ImportState.RUNNING: N_("Importing"),
    ImportState.REVERTING: N_("Removing from list"),
    ImportState.DONE: N_("Done"),
    ImportState.STOPPED: N_("Stopped"),
    ImportState.REVERTED: N_("Removed from list"),
    ImportState.FAILED: N_("Failed"),
    ImportState.DISCARDED: N_("Deleted"),
}
FLAWS_SHOWN = 50
PROBLEMS_BATCH_SIZE = 1_000
PLACE = "/audience/imports"


@page("/audience/imports", title=TITLE, personal=True)
def show_all(visit: AdminRequest) -> Response:
    """Show every file."""
    return _all(visit)


def _all(visit: AdminRequest, problem: str = "") -> Response:
    with db.reading() as session:
        found = imports.imports_of(session, visit.shop.id)
        names = {each.id: each.name for each in lists.lists_of(session, visit.shop.id)}
    return visit.page(
        "audience/imports/imports.html",
        problem=problem,
        imports=found,
        lists=names,
        states=STATES,
        most_mb=lifecycle.max_bytes() // 10**6,
    )


@page("/audience/imports/new", title=TITLE, method="POST", personal=True)
def begin(visit: AdminRequest) -> Response:
    """Begin an upload: `name` and `size` of a file; the answer says where its pieces go."""
    said = visit.form.get("size", "")
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
    try:
        held = lifecycle.begin_upload(visit.shop.id, visit.form.get("name", ""), size)
    except SheetError as error:
        return _refused(visit, error)
    return JSONResponse(
        {"id": str(held.id), "to": f"{PLACE}/{held.id}/pieces", "piece": files.MAX_PIECE_BYTES}
    )


@page("/audience/imports/{import_id}/pieces", title=TITLE, method="POST")
def receive(visit: AdminRequest) -> Response:
    """Take the bytes of a file from `at` on."""
    at = visit.request.query_params.get("at", "")
    if (
        not (at.isascii() and at.isdigit() and len(at) < 16)
        or len(visit.piece) > files.MAX_PIECE_BYTES
    ):
        raise missing()
    try:
        return JSONResponse({"at": lifecycle.append_upload(_held(visit), int(at), visit.piece)})
    except SheetError as error:
        return _refused(visit, error)


@page("/audience/imports", title=TITLE, method="POST", personal=True)
def arrive(visit: AdminRequest) -> Response:
    """End an upload: the file with `id` is whole."""
    held = _held(visit, visit.form.get("id", ""))
    try:
        lifecycle.finish_upload(held)
    except SheetError as error:
        return _all(visit, visit.say.text(problems.SENTENCES[error.reason]))
    return _page(visit, held)


@page("/audience/imports/{import_id}", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show a file: its columns, or how far it is."""
    return _page(visit, _held(visit))


@page("/audience/imports/{import_id}/preview", title=TITLE, method="POST", personal=True)
def preview(visit: AdminRequest) -> Response:
    """Show what will become of the first rows."""
    held = _held(visit)
    if held.state != ImportState.READY:
        raise missing()
    import_columns.take_form(visit, held)
    return visit.part(
        "audience/imports/import_preview.html",
        outcomes=import_columns.outcomes(visit, held),
        kinds=import_columns.kinds(visit.say),
    )


@page("/audience/imports/{import_id}", title=TITLE, method="POST", personal=True)
def start(visit: AdminRequest) -> Response:
    """Start reading a file as its form says."""
    held = _held(visit)
    if held.state != ImportState.READY:
        return _page(visit, held)
    chosen = visit.form.get("delimiter", held.delimiter), visit.form.get("encoding", held.encoding)
    if chosen != (held.delimiter, held.encoding):
        return _read_anew(visit, held, *chosen)
    import_columns.take_form(visit, held)
    errors = import_columns.find_errors(visit, held)
    if errors:
        return _page(visit, held, errors, status=422)
    try:
        lifecycle.start_import(held, import_columns.new_list_name(visit) or "")
    except ListError as error:
        return _page(visit, held, {"list_name": list_sentence(visit, error)}, status=422)
    return _page(visit, held, toast=visit.say.text("Import started."))


@page("/audience/imports/{import_id}/progress", title=TITLE)
def progress(visit: AdminRequest) -> Response:
    """Show the card of its progress alone, while it is being read."""
    return visit.part("audience/imports/import_progress.html", **_progress(visit, _held(visit)))


@page("/audience/imports/{import_id}/flaws", title=TITLE, personal=True)
def download_flaws(visit: AdminRequest) -> Response:
    """Download what is wrong with its rows."""
    held = _held(visit)
    return StreamingResponse(
        csv_chunks(_flaw_rows(visit, held)),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="import-{held.id}.csv"',
            "Cache-Control": "no-store",
        },
    )


@page("/audience/imports/{import_id}/act", title=TITLE, method="POST", personal=True)
def act(visit: AdminRequest) -> Response:
    """`stop` the reading, `leave` the list, or `discard` the file."""
    held, what = _held(visit), visit.form.get("act")
    if what == "stop":
        lifecycle.stop_import(held)
    elif what == "leave":
        lifecycle.revert_import(held)
    elif what == "discard" and held.state not in WORKING_STATES:
        lifecycle.delete_upload(held)
        return _page(visit, _held(visit), toast=visit.say.text("File deleted."))
    return _page(visit, _held(visit))


def _held(visit: AdminRequest, said: str | None = None) -> Import:
    if said is None:
        import_id = visit.number("import_id")
    elif is_id(said):
        import_id = int(said)
    else:
        raise missing()
    with db.reading() as session:
        found = imports.get_import(session, visit.shop.id, import_id)
    if found is None:
        raise missing()
    return found


def _refused(visit: AdminRequest, error: SheetError) -> Response:
    words = visit.say.text(problems.SENTENCES[error.reason])
    return JSONResponse({"error": words}, status_code=error.status)


def _read_anew(visit: AdminRequest, held: Import, delimiter: str, written_in: str) -> Response:
    if delimiter not in encoding.DELIMITERS or written_in not in encoding.ENCODINGS:
        raise missing()
    try:
        lifecycle.set_format(held, written_in, delimiter)
    except SheetError as error:
        words = visit.say.text(problems.SENTENCES[error.reason])
        return _page(visit, held, {"sort": words}, status=422)
    return _page(visit, held)


def _page(
    visit: AdminRequest,
    held: Import,
    errors: dict[str, str] | None = None,
    *,
    toast: str = "",
    status: int = 200,
) -> Response:
    values: dict[str, Any] = {
        "held": held,
        "errors": errors or {},
        "limits": import_columns.MAX_FIELD_CHARS,
    }
    if held.state == ImportState.READY:
        try:
            values |= import_columns.choices(visit, held)
        except FileNotFoundError:
            lifecycle.discard_import(held.shop_id, held.id)
            held = _held(visit)
    if held.state not in (ImportState.READY, ImportState.UPLOADING):
        values |= _progress(visit, held)
    path = f"{PLACE}/{held.id}"
    return visit.page(
        "audience/imports/import.html", toast=toast, status=status, path=path, **values
    )


def _progress(visit: AdminRequest, held: Import) -> dict[str, Any]:
    with db.reading() as session:
        found = imports.problems_of(session, held.shop_id, held.id, (0, -2), limit=FLAWS_SHOWN)
        joined = (
            None if held.list_id is None else lists.get_list(session, held.shop_id, held.list_id)
        )
    return {
        "held": held, "joined": joined, "state": visit.say.text(STATES[held.state]),
        "working": held.state in WORKING_STATES,
        "error": visit.say.text(problems.SENTENCES[held.error]) if held.error else "",
        "flaws": [*_by_row(visit, held, found)],
    }  # fmt: skip


def _by_row(
    visit: AdminRequest, held: Import, found: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[int, list[str]]]:
    """Each row once, with all that is wrong with it."""
    for line, problems_of_row in itertools.groupby(found, key=lambda each: each[0]):
        yield line, [sentence(visit, held, place, why) for _, place, why in problems_of_row]


def _flaw_rows(visit: AdminRequest, held: Import) -> Iterator[Sequence[object]]:
    yield visit.say.text("Row"), visit.say.text("Problem")
    after = (0, -2)
    while True:
        with db.reading() as session:
            found = imports.problems_of(
                session, held.shop_id, held.id, after, limit=PROBLEMS_BATCH_SIZE
            )
        for line, reasons in _by_row(visit, held, found):
            yield line, " ".join(reasons)
        if len(found) < PROBLEMS_BATCH_SIZE:
            return
        after = found[-1][:2]
