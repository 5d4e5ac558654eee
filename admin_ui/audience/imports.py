"""Imports: a merchant brings a file, says what is in it and who agreed to what; it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from admin_ui.audience.lists import sentence
from admin_ui.kit.request import Visit, is_id, missing
from admin_ui.kit.words import N_
from plugin import clock
from plugin.imports import columns
from plugin.imports import lifecycle as imports
from plugin.imports import rows as import_rows
from plugin.lists import ListError
from plugin.sheets import encoding, files
from plugin.sheets import problems as flaws
from plugin.sheets.cells import table
from plugin.sheets.problems import SheetError
from plugin.sheets.records import Row
from storage import imports as stored
from storage import lists
from storage.engine import db
from storage.imports import READY, UPLOADING, WORKING, Import

KINDS = {
    columns.NOTHING: N_("Leave out"), columns.PROPERTY: N_("Keep as a property"),
    columns.EMAIL: N_("Email address"), columns.PHONE: N_("Phone"),
    columns.FIRST: N_("First name"), columns.LAST: N_("Last name"), columns.NAME: N_("Whole name"),
    columns.COUNTRY: N_("Country"), columns.LOCALE: N_("Language"),
    columns.TIMEZONE: N_("Time zone"), columns.CUSTOMER: N_("Shopify's customer id"),
    "email_consent": N_("Email: yes or no"), "email_consent_at": N_("Email: since when"),
    "sms_consent": N_("SMS: yes or no"), "sms_consent_at": N_("SMS: since when"),
    "whatsapp_consent": N_("WhatsApp: yes or no"),
    "whatsapp_consent_at": N_("WhatsApp: since when"),
    columns.SUPPRESSED: N_("Email: must not be written to"),
}  # fmt: skip
DELIMITERS = {",": N_("Comma"), ";": N_("Semicolon"), "\t": N_("Tab")}
ENCODINGS = {"utf-8": "UTF-8", "windows-1252": "Windows-1252", "gb18030": "GB18030"}
STATES = {
    "uploading": N_("Coming in"), "ready": N_("Waits for you"), "running": N_("Being read"),
    "leaving": N_("Being taken off the list"), "done": N_("Done"), "stopped": N_("Stopped"),
    "left": N_("Taken off the list"), "failed": N_("Could not be read"),
}  # fmt: skip
SHOWN = 5  # rows of a preview
FLAWS_SHOWN = 50
FOLDED = 5  # columns that nobody knows are folded away from so many on
AT_ONCE = 1_000
LONGEST = {"where": 300, "on": 10, "list_name": 100}
PLACE = "/audience/imports"


@dataclass(frozen=True)
class Outcome:
    """What will become of a row."""

    line: int
    who: dict[str, str]
    consents: list[tuple[str, str]]
    flaws: list[str]
    taken: bool


def show_all(visit: Visit) -> Response:
    """GET /audience/imports"""
    return _all(visit)


def _all(visit: Visit, problem: str = "") -> Response:
    with db.reading() as session:
        found = stored.imports_of(session, visit.shop.id)
        names = {each.id: each.name for each in lists.lists_of(session, visit.shop.id)}
    return visit.page(
        "audience/imports.html",
        problem=problem,
        imports=found,
        lists=names,
        states=STATES,
        most_mb=imports.most_bytes() // 10**6,
    )


def begin(visit: Visit) -> Response:
    """POST /audience/imports/new: `name` and `size` of a file; where its pieces go."""
    said = visit.form.get("size", "")
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
    try:
        held = imports.begin(visit.shop.id, visit.form.get("name", ""), size)
    except SheetError as error:
        return _refused(visit, error)
    return JSONResponse(
        {"id": str(held.id), "to": f"{PLACE}/{held.id}/pieces", "piece": files.PIECE}
    )


def receive(visit: Visit) -> Response:
    """POST /audience/imports/{import_id}/pieces?at=…: the bytes of a file from one on."""
    at = visit.request.query_params.get("at", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16) or len(visit.piece) > files.PIECE:
        raise missing()
    try:
        return JSONResponse({"at": imports.receive(_held(visit), int(at), visit.piece)})
    except SheetError as error:
        return _refused(visit, error)


def arrive(visit: Visit) -> Response:
    """POST /audience/imports: the file with `id` is whole."""
    held = _held(visit, visit.form.get("id", ""))
    try:
        imports.arrive(held)
    except SheetError as error:
        return _all(visit, visit.say.text(flaws.SENTENCES[error.reason]))
    return _page(visit, held)


def show(visit: Visit) -> Response:
    """GET /audience/imports/{import_id}"""
    return _page(visit, _held(visit))


def preview(visit: Visit) -> Response:
    """POST /audience/imports/{import_id}/preview: what will become of the first rows."""
    held = _held(visit)
    if held.state != READY:
        raise missing()
    _take(visit, held)
    answer = visit.page(
        "audience/import_preview.html", outcomes=_outcomes(visit, held), kinds=KINDS
    )
    del answer.headers["HX-Replace-Url"]
    return answer


def start(visit: Visit) -> Response:
    """POST /audience/imports/{import_id}"""
    held = _held(visit)
    if held.state != READY:
        return _page(visit, held)
    chosen = visit.form.get("delimiter", held.delimiter), visit.form.get("encoding", held.encoding)
    if chosen != (held.delimiter, held.encoding):
        return _read_anew(visit, held, *chosen)
    _take(visit, held)
    errors = _errors(visit, held)
    if errors:
        return _page(visit, held, errors, status=422)
    try:
        imports.start(held, _list_name(visit) if visit.form.get("list") == "new" else "")
    except ListError as error:
        return _page(visit, held, {"list_name": sentence(visit, error)}, status=422)
    return _page(visit, held, toast=visit.say.text("The file is being read."))


def progress(visit: Visit) -> Response:
    """GET /audience/imports/{import_id}/progress: the card alone, while it is being read."""
    return visit.page("audience/import_progress.html", **_progress(visit, _held(visit)))


def download_flaws(visit: Visit) -> Response:
    """GET /audience/imports/{import_id}/flaws"""
    held = _held(visit)
    return StreamingResponse(
        table(_flaw_rows(visit, held)),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="import-{held.id}.csv"',
            "Cache-Control": "no-store",
        },
    )


def act(visit: Visit) -> Response:
    """POST /audience/imports/{import_id}/act: `stop`, `leave` the list, or `discard` the file."""
    held, what = _held(visit), visit.form.get("act")
    if what == "stop":
        imports.stop(held)
    elif what == "leave":
        imports.leave(held)
    elif what == "discard" and held.state not in WORKING:
        imports.discard(held.shop_id, held.id)
    return _page(visit, _held(visit))


def _held(visit: Visit, said: str | None = None) -> Import:
    if said is None:
        import_id = visit.number("import_id")
    elif is_id(said):
        import_id = int(said)
    else:
        raise missing()
    with db.reading() as session:
        found = stored.get_import(session, visit.shop.id, import_id)
    if found is None:
        raise missing()
    return found


def _refused(visit: Visit, error: SheetError) -> Response:
    words = visit.say.text(flaws.SENTENCES[error.reason])
    return JSONResponse({"error": words}, status_code=error.status)


def _read_anew(visit: Visit, held: Import, delimiter: str, written_in: str) -> Response:
    if delimiter not in encoding.DELIMITERS or written_in not in encoding.ENCODINGS:
        raise missing()
    try:
        imports.describe(held, written_in, delimiter)
    except SheetError as error:
        words = visit.say.text(flaws.SENTENCES[error.reason])
        return _page(visit, held, {"sort": words}, status=422)
    return _page(visit, held)


def _take(visit: Visit, held: Import) -> None:
    """What the form says, into `held`; a field that is chosen twice stands in its first column."""
    mapping: list[str] = []
    for n in range(len(held.columns)):
        kind = visit.form.get(f"column-{n}", columns.NOTHING)
        good = kind in columns.KINDS and (kind not in columns.FIELDS or kind not in mapping)
        mapping.append(kind if good else columns.NOTHING)
    held.mapping = mapping
    held.said = {
        "channels": [c for c in columns.CHANNELS if visit.form.get(f"channel-{c}")],
        **{name: visit.form.get(name, "").strip()[: LONGEST[name]] for name in ("where", "on")},
    }
    held.starts_flows = bool(visit.form.get("starts_flows"))
    chosen = visit.form.get("list", "")
    held.list_id = int(chosen) if is_id(chosen) else None


def _list_name(visit: Visit) -> str:
    return " ".join(visit.form.get("list_name", "").split())[: LONGEST["list_name"]]


def _errors(visit: Visit, held: Import) -> dict[str, str]:
    say, errors = visit.say, {}
    if not {columns.EMAIL, columns.PHONE} & {*held.mapping}:
        errors["mapping"] = say.text("Say which column holds the email addresses or the phones.")
    if held.said["channels"]:
        since = import_rows.moment(held.said["on"])
        if not held.said["where"]:
            errors["where"] = say.text("Say where these people said yes.")
        if since is None or since > clock.now():
            errors["on"] = say.text("Enter a day that has been.")
    if visit.form.get("list") == "new" and not _list_name(visit):
        errors["list_name"] = say.text("Give the list a name.")
    if held.list_id is not None:
        with db.reading() as session:
            if lists.get_list(session, held.shop_id, held.list_id) is None:
                raise missing()
    return errors


def _page(
    visit: Visit,
    held: Import,
    errors: dict[str, str] | None = None,
    *,
    toast: str = "",
    status: int = 200,
) -> Response:
    values: dict[str, Any] = {"held": held, "errors": errors or {}, "limits": LONGEST}
    if held.state == READY:
        try:
            values |= _choices(visit, held)
        except FileNotFoundError:
            imports.discard(held.shop_id, held.id)
            held = _held(visit)
    if held.state not in (READY, UPLOADING):
        values |= _progress(visit, held)
    answer = visit.page("audience/import.html", toast=toast, status=status, **values)
    if visit.request.method == "POST":
        answer.headers["HX-Replace-Url"] = f"{PLACE}/{held.id}"
    return answer


def _choices(visit: Visit, held: Import) -> dict[str, Any]:
    first = imports.first_rows(held, SHOWN)
    with db.reading() as session:
        known = lists.lists_of(session, held.shop_id)
    samples = [_sample(first, n) for n in range(len(held.columns))]
    shown = [n for n, kind in enumerate(held.mapping) if kind != columns.NOTHING]
    folded = [n for n, kind in enumerate(held.mapping) if kind == columns.NOTHING]
    if not shown or len(folded) < FOLDED:
        shown, folded = [*range(len(held.columns))], []
    return {
        "shown": shown, "folded": folded,
        "samples": samples, "kinds": KINDS, "origin": columns.origin(held.columns), "lists": known,
        "outcomes": _outcomes(visit, held), "channels": columns.CHANNELS, "delimiters": DELIMITERS,
        "encodings": ENCODINGS, "chosen": visit.form, "today": f"{clock.now():%Y-%m-%d}",
    }  # fmt: skip


def _sample(first: Sequence[Row], place: int) -> str:
    cells = (row.cells[place].strip() for row in first if place < len(row.cells))
    return next(filter(None, cells), "")[:60]


def _outcomes(visit: Visit, held: Import) -> list[Outcome]:
    reader = import_rows.Reader(held, visit.shop.country)
    found = []
    for row in imports.first_rows(held, SHOWN):
        taken = reader.take([row])
        person = next(iter(taken.facts.people), None)
        who = {**person.fields, **person.properties} if person else {}
        said = [(each.channel, each.state) for each in taken.facts.consents]
        wrong = [_sentence(visit, held, place, why) for _, place, why in taken.flaws]
        found.append(Outcome(row.line, who, said, wrong, taken=person is not None))
    return found


def _sentence(visit: Visit, held: Import, place: int, reason: str) -> str:
    words = visit.say.text(flaws.SENTENCES[reason])
    return f"{held.columns[place]}: {words}" if 0 <= place < len(held.columns) else words


def _progress(visit: Visit, held: Import) -> dict[str, Any]:
    with db.reading() as session:
        found = stored.flaws_of(session, held.shop_id, held.id, (0, -2), FLAWS_SHOWN)
        joined = (
            None if held.list_id is None else lists.get_list(session, held.shop_id, held.list_id)
        )
    return {
        "held": held, "joined": joined, "state": visit.say.text(STATES[held.state]),
        "working": held.state in WORKING,
        "error": visit.say.text(flaws.SENTENCES[held.error]) if held.error else "",
        "flaws": [(line, _sentence(visit, held, place, why)) for line, place, why in found],
    }  # fmt: skip


def _flaw_rows(visit: Visit, held: Import) -> Iterator[Sequence[object]]:
    yield visit.say.text("Line"), visit.say.text("What is wrong")
    after = (0, -2)
    while True:
        with db.reading() as session:
            found = stored.flaws_of(session, held.shop_id, held.id, after, AT_ONCE)
        for line, place, why in found:
            yield line, _sentence(visit, held, place, why)
        if len(found) < AT_ONCE:
            return
        after = found[-1][:2]
