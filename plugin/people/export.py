"""The audience as a table. In: a shop, or one of its lists. Out: a row for each profile.

The names of the columns are those that `plugin.sheets.columns` knows again.
"""

import json
from collections.abc import Iterator, Sequence

from sqlmodel import Session

from storage import consent, db, lists, profiles
from storage.ledger import MARKETING
from storage.privacy import CHANNELS
from storage.profiles import EMAIL, PHONE, Profile

AT_ONCE = 500
SHOWN = {"email": "Email", "sms": "SMS", "whatsapp": "WhatsApp"}
HEADER = (
    "Email", "Phone Number", "First Name", "Last Name", "Country", "Locale", "Timezone",
    *(f"{name} Marketing Consent{what}" for name in SHOWN.values() for what in ("", " Timestamp")),
    "Created", "Last Seen", "Properties",
)  # fmt: skip


def rows(shop_id: int, list_id: int | None = None) -> Iterator[Sequence[object]]:
    """The header, then everybody or who is on a list; a few hundred are in memory at a time."""
    yield HEADER
    after = 0
    while True:
        with db.reading() as session:
            found = _page(session, shop_id, list_id, after)
            told = _told(session, shop_id, found)
        yield from told
        if len(found) < AT_ONCE:
            return
        after = found[-1].id


def _page(session: Session, shop_id: int, list_id: int | None, after: int) -> Sequence[Profile]:
    if list_id is None:
        return profiles.profiles_after(session, shop_id, after, AT_ONCE)
    return lists.members_after(session, shop_id, list_id, after, AT_ONCE)


def _told(session: Session, shop_id: int, found: Sequence[Profile]) -> list[tuple[object, ...]]:
    places = {place for each in found for place in _places(each)}
    states = consent.states_at(session, shop_id, places)
    rows: list[tuple[object, ...]] = []
    for each in found:
        said: list[object] = []
        for channel in SHOWN:
            state = states.get((channel, _address(each, channel), MARKETING), {})
            said += [state.get("state", ""), state.get("changed_at", "")]
        more = json.dumps(each.properties, ensure_ascii=False) if each.properties else ""
        rows.append(
            (each.email, each.phone, each.first_name, each.last_name, each.country, each.locale,
             each.timezone, *said, each.created_at, each.seen_at, more)
        )  # fmt: skip
    return rows


def _places(profile: Profile) -> list[tuple[str, str]]:
    return [(channel, address) for channel in SHOWN if (address := _address(profile, channel))]


def _address(profile: Profile, channel: str) -> str:
    kind = EMAIL if channel in CHANNELS[EMAIL] else PHONE
    return getattr(profile, kind) or ""
