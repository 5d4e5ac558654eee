"""Export the audience of a shop, or one of its lists, as CSV or Parquet, a row a profile.

The names of the columns are those that `plugin.imports.columns` recognises. Only in CSV are cells
guarded against spreadsheets: Parquet has types, and a text there is never a formula.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlmodel import Session

from plugin.sheets import cells, parquet
from plugin.sheets.parquet import MOMENT, TEXT
from storage import consent, lists, profiles, suppressions
from storage.channels import IDENTITY_KIND, Channel
from storage.consent_ledger import ConsentPurpose, ConsentState
from storage.engine import db
from storage.messages import SkipReason

PROFILES_PAGE_SIZE = 500
CHANNEL_TITLES = {Channel.EMAIL: "Email", Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp"}
COLUMNS = (
    *((name, TEXT) for name in (
        "Email", "Phone Number", "First Name", "Last Name", "Country", "Locale", "Timezone",
    )),
    *((f"{name} Marketing Consent{what}", kind)
      for name in CHANNEL_TITLES.values() for what, kind in (("", TEXT), (" Timestamp", MOMENT))),
    ("Created", MOMENT), ("Last Seen", MOMENT), ("Properties", TEXT),
    *((f"{name} Transactional Consent", TEXT) for name in CHANNEL_TITLES.values()),
    ("Email Open Tracking Consent", TEXT),
)  # fmt: skip
OTHER_PURPOSES = (
    *((channel, ConsentPurpose.TRANSACTIONAL) for channel in CHANNEL_TITLES),
    (Channel.EMAIL, ConsentPurpose.OPEN_TRACKING),
)


def export_csv(shop_id: int, list_id: int | None = None) -> Iterator[bytes]:
    """Everybody, or who is on a list, as pieces of a CSV file."""
    for piece in cells.csv_chunks(_lines(shop_id, list_id)):
        yield piece.encode()


def export_parquet(shop_id: int, list_id: int | None = None) -> Iterator[bytes]:
    """Everybody, or who is on a list, as pieces of a Parquet file."""
    return parquet.parquet_chunks(COLUMNS, export_rows(shop_id, list_id))


class Format(NamedTuple):
    """How the audience is written."""

    write: Callable[[int, int | None], Iterator[bytes]]
    media_type: str


FORMATS = {
    "csv": Format(export_csv, "text/csv"),
    "parquet": Format(export_parquet, "application/vnd.apache.parquet"),
}


def _lines(shop_id: int, list_id: int | None) -> Iterator[Sequence[object]]:
    yield [name for name, _ in COLUMNS]
    yield from export_rows(shop_id, list_id)


def export_rows(shop_id: int, list_id: int | None = None) -> Iterator[Sequence[object]]:
    """Everybody, or who is on a list, by `COLUMNS`; a few hundred are in memory at a time."""
    after = 0
    while True:
        with db.reading() as session:
            found = _page(session, shop_id, list_id, after)
            told = _told(session, shop_id, found)
        yield from told
        if len(found) < PROFILES_PAGE_SIZE:
            return
        after = found[-1].id


def _page(session: Session, shop_id: int, list_id: int | None, after: int) -> Sequence[Any]:
    if list_id is None:
        return profiles.profiles_after(session, shop_id, after, PROFILES_PAGE_SIZE)
    return lists.members_after(session, shop_id, list_id, after, limit=PROFILES_PAGE_SIZE)


def _told(session: Session, shop_id: int, found: Sequence[Any]) -> list[tuple[object, ...]]:
    places = {place for each in found for place in _places(each)}
    states = consent.states_at(session, shop_id, places)
    suppressed = suppressions.suppressed_addresses(session, shop_id, places)
    rows: list[tuple[object, ...]] = []
    for each in found:
        consent_cells: list[object] = []
        for channel in CHANNEL_TITLES:
            place = (channel, _address(each, channel))
            state = states.get((*place, ConsentPurpose.MARKETING))
            marks = suppressed.get(place)
            if marks and (state is None or state["state"] != ConsentState.BOUNCED):
                consent_cells += [SkipReason.SUPPRESSED, max(mark.at for mark in marks)]
            else:
                consent_cells += [state["state"], state["changed_at"]] if state else [None, None]
        others = [
            state["state"] if (state := states.get((ch, _address(each, ch), purpose))) else None
            for ch, purpose in OTHER_PURPOSES
        ]
        more = json.dumps(each.properties, ensure_ascii=False) if each.properties else None
        rows.append(
            (each.email, each.phone, each.first_name, each.last_name, each.country, each.locale,
             each.timezone, *consent_cells, each.created_at, each.last_active_at, more, *others)
        )  # fmt: skip
    return rows


def _places(profile: Any) -> list[tuple[str, str]]:
    return [
        (channel, address) for channel in CHANNEL_TITLES if (address := _address(profile, channel))
    ]


def _address(profile: Any, channel: str) -> str:
    kind = IDENTITY_KIND[channel]
    return getattr(profile, kind) or ""
