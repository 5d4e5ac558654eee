"""What the columns of an imported file hold: the form of it, and what becomes of the first rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest, is_id, missing
from admin_ui.kit.words import CHANNELS, label
from plugin import clock
from plugin.imports import columns, lifecycle, rows
from plugin.imports.answers import Answer
from plugin.imports.columns import ColumnKind
from plugin.imports.consents import ConsentReader
from plugin.imports.dates import parse_date
from plugin.imports.exporters import ORDERS, detect_exporter
from plugin.sheets import problems
from plugin.sheets.records import Row
from plugin.texts import N_
from storage import lists
from storage.channels import STOREFRONT_CHANNELS
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.imports import Import

KINDS: dict[str, str] = {
    ColumnKind.NOTHING: N_("Don't import"),
    ColumnKind.PROPERTY: N_("Save as property"),
    ColumnKind.PROPERTIES: N_("Properties (JSON)"),
    ColumnKind.EMAIL: N_("Email address"),
    ColumnKind.PHONE: N_("Phone"),
    ColumnKind.FIRST: N_("First name"),
    ColumnKind.LAST: N_("Last name"),
    ColumnKind.NAME: N_("Full name"),
    ColumnKind.COUNTRY: N_("Country"),
    ColumnKind.LOCALE: N_("Language"),
    ColumnKind.TIMEZONE: N_("Time zone"),
    ColumnKind.BIRTHDAY: N_("Birthday"),
    ColumnKind.CUSTOMER: N_("Shopify customer ID"),
    ColumnKind.EMAIL_CONSENT: N_("Email consent"),
    ColumnKind.EMAIL_CONSENT_AT: N_("Email consent date"),
    ColumnKind.SMS_CONSENT: N_("SMS consent"),
    ColumnKind.SMS_CONSENT_AT: N_("SMS consent date"),
    ColumnKind.WHATSAPP_CONSENT: N_("WhatsApp consent"),
    ColumnKind.WHATSAPP_CONSENT_AT: N_("WhatsApp consent date"),
    ColumnKind.EMAIL_UNSUBSCRIBED: N_("Email unsubscribed"),
    ColumnKind.SMS_UNSUBSCRIBED: N_("SMS unsubscribed"),
    ColumnKind.EMAIL_BOUNCED: N_("Email bounced"),
    ColumnKind.SUPPRESSED: N_("Email suppressed"),
    ColumnKind.SMS_SUPPRESSED: N_("SMS suppressed"),
    ColumnKind.WHATSAPP_SUPPRESSED: N_("WhatsApp suppressed"),
    ColumnKind.EMAIL_TRANSACTIONAL: N_("Email about orders"),
    ColumnKind.SMS_TRANSACTIONAL: N_("SMS about orders"),
    ColumnKind.WHATSAPP_TRANSACTIONAL: N_("WhatsApp about orders"),
    ColumnKind.OPEN_TRACKING: N_("Open tracking"),
}
NAMED = {  # what a file's name says of everyone in it
    Answer.YES: N_("By the file's name, everyone in it is subscribed."),
    Answer.NEVER: N_(
        "By the file's name, no one in it opted in: they're imported without consent."
    ),
    Answer.NO: N_(
        "By the file's name, everyone in it unsubscribed, and is imported as unsubscribed."
    ),
    Answer.SUPPRESSED: N_(
        "By the file's name, everyone in it is suppressed: they get no marketing."
    ),
    Answer.BOUNCED: N_(
        "By the file's name, emails to everyone in it bounced: they get no marketing."
    ),
}
DELIMITERS = {",": N_("Comma"), ";": N_("Semicolon"), "\t": N_("Tab"), "|": N_("Vertical bar")}
ENCODINGS = {
    "utf-8": "UTF-8", "windows-1252": "Windows-1252", "windows-1250": "Windows-1250",
    "windows-1251": "Windows-1251", "windows-1253": "Windows-1253", "windows-1254": "Windows-1254",
    "mac_roman": "Macintosh", "gb18030": "GB18030", "cp950": "Big5", "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
}  # fmt: skip
SAMPLE_ROWS = 5  # rows of a preview
FOLDED = 5  # from this many unknown columns on, they are folded away
MAX_FIELD_CHARS = {"where": 300, "on": 10, "list_name": 100}


@dataclass(frozen=True)
class Outcome:
    """What will become of a row."""

    line: int
    who: dict[str, str]
    consents: list[tuple[str, bool]]  # a channel, and whether it is a yes
    flaws: list[str]
    taken: bool


def take_form(visit: AdminRequest, held: Import) -> None:
    """What the form says, into `held`; a field that is chosen twice stands in its first column."""
    mapping: list[str] = []
    for n in range(len(held.columns)):
        kind = visit.form.get(f"column-{n}", ColumnKind.NOTHING)
        good = kind in set(ColumnKind) and (kind not in columns.FIELDS or kind not in mapping)
        mapping.append(kind if good else ColumnKind.NOTHING)
    held.mapping = mapping
    held.declaration = {
        "channels": [c for c in STOREFRONT_CHANNELS if visit.form.get(f"channel-{c}")],
        "where": visit.form.get("where", "").strip()[: MAX_FIELD_CHARS["where"]],
        "on": visit.form.get("on", "").strip()[: MAX_FIELD_CHARS["on"]],
    }
    held.starts_flows = bool(visit.form.get("starts_flows"))
    chosen = visit.form.get("list", "")
    held.list_id = int(chosen) if is_id(chosen) else None


def new_list_name(visit: AdminRequest) -> str | None:
    """Return the name of the new list that the form wants; None without one."""
    if visit.form.get("list") != "new":
        return None
    return " ".join(visit.form.get("list_name", "").split())[: MAX_FIELD_CHARS["list_name"]]


def find_errors(visit: AdminRequest, held: Import) -> dict[str, str]:
    """What keeps the file from being read, by field."""
    say, errors = visit.say, {}
    if not {ColumnKind.EMAIL, ColumnKind.PHONE} & {*held.mapping}:
        errors["mapping"] = say.text("Choose the column that has emails or phone numbers.")
    if held.declaration["channels"]:
        since = parse_date(held.declaration["on"])
        if not held.declaration["where"]:
            errors["where"] = say.text("Enter where these people opted in.")
        if since is None or since > clock.now():
            errors["on"] = say.text("Enter a date in the past.")
    if new_list_name(visit) == "":
        errors["list_name"] = say.text("Enter a list name.")
    if held.list_id is not None:
        with db.reading() as session:
            if lists.get_list(session, held.shop_id, held.list_id) is None:
                raise missing()
    return errors


def kinds(say: Language) -> dict[str, str]:
    """What a column may hold, in words."""
    return {kind: say.text(name) for kind, name in KINDS.items()}


def choices(visit: AdminRequest, held: Import) -> dict[str, Any]:
    """What the form offers, and a preview of its answers."""
    first = lifecycle.sample_rows(held, SAMPLE_ROWS)
    with db.reading() as session:
        known = lists.lists_of(session, held.shop_id)
    origin = detect_exporter(held.columns)
    samples = [_sample(first, n) for n in range(len(held.columns))]
    shown = [n for n, kind in enumerate(held.mapping) if kind != ColumnKind.NOTHING]
    folded = [n for n, kind in enumerate(held.mapping) if kind == ColumnKind.NOTHING]
    if not shown or len(folded) < FOLDED:
        shown, folded = [*range(len(held.columns))], []
    return {
        "shown": shown, "folded": folded,
        "samples": samples, "kinds": kinds(visit.say),
        "origin": origin.name if origin else "",
        "is_of_orders": origin is not None and origin.name == ORDERS,
        "named": _named_status(visit, held),
        "outcomes": outcomes(visit, held),
        "lists": [(each.id, each.name) for each in known],
        "channels": [(each, label(CHANNELS, each, visit.say)) for each in STOREFRONT_CHANNELS],
        "delimiters": {code: visit.say.text(name) for code, name in DELIMITERS.items()},
        "encodings": ENCODINGS, "chosen": visit.form, "today": f"{clock.now():%Y-%m-%d}",
    }  # fmt: skip


def _named_status(visit: AdminRequest, held: Import) -> str:
    said = NAMED.get(ConsentReader(held).of_file)
    return visit.say.text(said) if said else ""


def _sample(first: Sequence[Row], place: int) -> str:
    cells = (row.cells[place].strip() for row in first if place < len(row.cells))
    return next(filter(None, cells), "")[:60]


def outcomes(visit: AdminRequest, held: Import) -> list[Outcome]:
    """What will become of the first rows."""
    reader = rows.RowParser(held, visit.shop.country)
    found = []
    for row in lifecycle.sample_rows(held, SAMPLE_ROWS):
        taken = reader.parse([row])
        person = next(iter(taken.facts.profiles), None)
        who = {**person.fields, **person.properties} if person else {}
        consents = [
            (label(CHANNELS, each.channel, visit.say), each.state == ConsentState.SUBSCRIBED)
            for each in taken.facts.consents
        ]
        wrong = [sentence(visit, held, place, why) for _, place, why in taken.problems]
        found.append(Outcome(row.line, who, consents, wrong, taken=person is not None))
    return found


def sentence(visit: AdminRequest, held: Import, place: int, reason: str) -> str:
    """What is wrong with a cell or a row, to the merchant."""
    words = visit.say.text(problems.SENTENCES[reason])
    return f"{held.columns[place]}: {words}" if 0 <= place < len(held.columns) else words
