"""Our own export, read into another shop, gives the same people again."""

import json

import pytest

from plugin import clock
from plugin.imports.exporters import detect_exporter
from plugin.profiles.export import COLUMNS, export_csv, export_rows
from storage import shops
from storage.engine import db
from storage.imports import ProblemCode
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

PEOPLE = [
    {"email": "ana@example.com", "phone": "+351912345678", "first name": "=1+1",
     "last name": "Silva", "country": "PT", "language": "pt-PT", "time zone": "Europe/Lisbon",
     "consent": "yes", "consent date": "2024-05-01 10:00:00", "sms consent": "opted out",
     "properties": {"tier": "gold", "sizes": ["S", "M"], "points": 7, "vip": True,
                    "note": "a;=b, \"c\"\nd", "birthday": "1990-05-14"}},
    {"email": "a..b.@docomo.ne.jp", "first name": "太郎", "consent": "unsubscribed"},
    {"phone": "+8613800138000", "first name": "'n Sync", "sms consent": "yes"},
    {"email": "cy@example.com", "last name": "O'Brien; -x", "consent": "bounced"},
    {"email": "di@example.com", "first name": "@di", "consent": "complained"},
]  # fmt: skip
KEPT = [name for name, _ in COLUMNS if name not in ("Created", "Last Seen")]


def told(shop):
    """What an export says of each person, by email or phone, without our own dates."""
    names = [name for name, _ in COLUMNS]
    rows = [dict(zip(names, row, strict=True)) for row in export_rows(shop.id)]
    return {row["Email"] or row["Phone Number"]: {n: row[n] for n in KEPT} for row in rows}


def test_an_export_read_into_another_shop_gives_the_same_export(database, shop):
    header = list(dict.fromkeys(name for person in PEOPLE for name in person))
    lines = ["|".join(header)]
    for person in PEOPLE:
        cells = {**person, "properties": json.dumps(person.get("properties", {}))}
        lines.append("|".join('"{}"'.format(cells.get(n, "").replace('"', '""')) for n in header))
    held = sheet.upload(shop, "\n".join(lines).encode())
    held.mapping = [kind or ("properties" if name == "properties" else "")
                    for name, kind in zip(header, held.mapping, strict=True)]  # fmt: skip
    assert sheet.run(shop, held).problems == 0
    with db.transaction() as session:
        fresh = shops.add_shop(session, "new.myshopify.com", clock.now(), access_token="x")

    again = sheet.take_in(fresh, b"".join(export_csv(shop.id)))

    assert detect_exporter(again.columns).name == "Regulars"
    assert (again.rows, again.problems) == (len(PEOPLE), 0)
    before, after = told(shop), told(fresh)
    assert before["ana@example.com"]["First Name"] == "=1+1"
    assert json.loads(before["ana@example.com"]["Properties"])["sizes"] == ["S", "M"]
    assert after == before


def test_properties_that_are_no_json_are_told_and_cost_no_one(shop):
    held = sheet.upload(shop, b'email|properties\nana@example.com|[1]\nbo@example.com|"{x"\n')
    held.mapping = ["email", "properties"]
    done = sheet.run(shop, held)

    assert {row.properties == {} for row in sheet.people(shop).values()} == {True}
    assert sheet.flaws_of(done) == [(2, 1, ProblemCode.PROPERTIES), (3, 1, ProblemCode.PROPERTIES)]
