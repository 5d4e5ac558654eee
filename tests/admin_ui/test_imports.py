"""Imports in the admin: upload in pieces, preview, progress, revert."""

import codecs
import csv
import io
import json
from datetime import timedelta

import duckdb
import pytest

from admin_ui.audience.imports.columns import KINDS
from plugin.imports import lifecycle
from plugin.imports.columns import ColumnKind
from plugin.imports.header import guess_columns
from plugin.jobs import Progress, run_slice
from plugin.profiles.export import COLUMNS
from plugin.sheets import parquet, problems
from plugin.sheets.parquet import MOMENT
from storage.engine import db
from storage.imports import ImportState, ProblemCode, get_import
from storage.lists import lists_of
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")
BODY = b"Email,Phone Number,Tier,Consent\nAna@Example.com,,gold,yes\nnobody,,,\nbo@,1,,\n"


def bring(merchant, body=BODY, name="people.csv"):
    """What the page's script does; the answer to the form, and the import's path."""
    begun = merchant.post("/audience/imports/new", name=name, size=str(len(body))).json()
    for at in range(0, len(body), 50):
        answer = merchant.client.post(
            f"{begun['to']}?at={at}", content=body[at : at + 50],
            headers={**merchant.headers(), "Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.json() == {"at": min(len(body), at + 50)}
    return merchant.post("/audience/imports", id=begun["id"]), f"/audience/imports/{begun['id']}"


def table(answer):
    """A file as Python's csv module reads it."""
    assert answer.content.startswith(codecs.BOM_UTF8)  # else Excel takes it for its old encoding
    return io.StringIO(answer.content.decode("utf-8-sig"), newline="")


def chosen(*kinds, **more):
    return {f"column-{n}": kind for n, kind in enumerate(kinds)} | more


def test_a_file_is_seen_before_it_is_read(merchant, shop):
    answer, path = bring(merchant)

    assert answer.status_code == 200
    assert answer.headers["HX-Replace-Url"] == path
    assert "ana@example.com" in answer.text
    assert "no valid email or phone number" in answer.text
    assert sheet.people(shop) == {}
    part = merchant.post(f"{path}/preview", **chosen("email", "", "property", ""))
    assert "HX-Replace-Url" not in part.headers
    assert "<dt>Tier</dt><dd>gold</dd>" in part.text
    assert "Subscribed" not in part.text


def test_a_file_says_by_its_name_that_everyone_in_it_unsubscribed(merchant, shop):
    answer, path = bring(merchant, b"email\nana@example.com\n", "unsubscribed.csv")
    assert "everyone in it unsubscribed" in answer.text
    plain, _ = bring(merchant, b"email\nana@example.com\n")
    assert "By the file" not in plain.text

    merchant.post(path, **chosen("email"))
    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass

    assert sheet.state(shop, "ana@example.com") == "unsubscribed"


def test_many_unknown_columns_are_folded_away(merchant, shop):
    few, _ = bring(merchant, b"email,a,b\nana@example.com,1,2\n")
    many, _ = bring(merchant, b"email,a,b,c,d,e\nana@example.com,1,2,3,4,5\n")

    assert "not imported</summary>" not in few.text
    assert "5 other columns, not imported</summary>" in many.text
    assert all(f'name="column-{n}"' in many.text for n in range(6))


def test_a_file_is_read_followed_and_taken_off_its_list_again(merchant, shop, broker):
    _, path = bring(merchant)
    started = merchant.post(
        path, **chosen("email", "phone", "property", "email_consent", list="new"), list_name="VIP"
    )
    assert json.loads(started.headers["HX-Trigger"])["regulars:toast"]["words"]
    assert 'hx-trigger="every 2s"' in started.text
    assert broker.queues["imports"].qsize() == 1

    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass

    part = merchant.fetch(f"{path}/progress").text
    assert "hx-trigger" not in part
    assert "1 new member" in part
    assert "2 rows with errors" in part
    assert set(sheet.people(shop)) == {"ana@example.com"}
    assert sheet.people(shop)["ana@example.com"].properties == {"Tier": "gold"}
    told = list(csv.reader(table(merchant.fetch(f"{path}/flaws"))))
    assert told[0] == ["Row", "Problem"]
    assert ["3", f"{problems.SENTENCES[ProblemCode.NO_ADDRESS]} "
            f"Email: {problems.SENTENCES[ProblemCode.EMAIL]}"] in told  # fmt: skip
    with db.reading() as session:
        list_id = next(each.id for each in lists_of(session, shop.id) if each.name == "VIP")
    assert sheet.members(shop, list_id) == {"ana@example.com"}

    merchant.post(f"{path}/act", act="leave")
    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass

    assert sheet.members(shop, list_id) == set()
    assert state_of(shop, path) == ImportState.REVERTED


def state_of(shop, path):
    with db.reading() as session:
        return get_import(session, shop.id, int(path.rpartition("/")[2])).state


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (chosen("", "", "property", ""), "mapping"),
        (chosen("email", **{"channel-email": "on"}, on="2020-01-01"), "where"),
        (chosen("email", **{"channel-email": "on"}, where="Fair"), "on"),
        (chosen("email", **{"channel-email": "on"}, where="Fair", on="2099-01-01"), "on"),
        (chosen("email", list="new"), "list_name"),
    ],
)
def test_what_will_not_do_is_told_and_nothing_is_read(merchant, shop, sent, name):
    _, path = bring(merchant)

    answer = merchant.post(path, **sent)

    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert state_of(shop, path) == ImportState.READY


def test_columns_are_read_again_by_another_separator(merchant, shop):
    _, path = bring(merchant, b"email;name\nana@example.com;Ana\n")
    wrong = merchant.post(path, **chosen("email", delimiter=",", encoding="utf-8"))
    assert 'name="column-1"' not in wrong.text

    right = merchant.post(path, **chosen("email", delimiter=";", encoding="utf-8"))

    assert 'name="column-1"' in right.text
    assert state_of(shop, path) == ImportState.READY


def test_a_file_that_is_refused_says_why_in_the_merchants_language(merchant):
    begun = merchant.post("/audience/imports/new", name="x", size=str(10**12))
    assert begun.status_code == 422
    assert begun.json() == {"error": problems.SENTENCES[ProblemCode.TOO_LARGE]}

    answer, _ = bring(merchant, b"PK\x03\x04" + bytes(500))

    assert "Excel workbook" in answer.text


def test_other_shops_reach_nothing_of_it(merchant, other):
    _, path = bring(merchant)

    for place in ("", "/progress", "/flaws"):
        assert other.fetch(path + place).status_code == 404
    for place in ("", "/preview", "/act", "/pieces?at=0"):
        assert other.post(path + place).status_code == 404
    assert "people.csv" not in other.fetch("/audience/imports").text
    assert other.post("/audience/imports", id=path.rpartition("/")[2]).status_code == 404


def test_every_field_has_its_words(merchant):
    assert set(KINDS) == set(ColumnKind)


def test_the_audience_goes_out_as_a_table_without_formulas_and_comes_back(merchant, shop):
    body = "email,first name,phone,consent\nana@example.com,=1+1,+351912345678,yes\n"
    held = sheet.take_in(shop, body, list_name="Friends")
    sheet.take_in(shop, "email\nbo@example.com\n")

    whole = merchant.fetch("/audience/export")
    part = merchant.fetch(f"/audience/lists/{held.list_id}/export")

    assert whole.headers["Content-Disposition"].startswith('attachment; filename="audience-')
    head, *rows = csv.reader(table(whole))
    ana = dict(zip(head, next(row for row in rows if row[0] == "ana@example.com"), strict=True))
    assert len(rows) == 2
    assert (ana["First Name"], ana["Phone Number"]) == ("'=1+1", "'+351912345678")
    assert ana["Email Marketing Consent"] == "subscribed"
    assert [row[0] for row in csv.reader(table(part))][1:] == ["ana@example.com"]
    assert guess_columns(head)[:8] == [
        "email", "phone", "first_name", "last_name", "country", "locale", "timezone",
        "email_consent",
    ]  # fmt: skip
    again = sheet.take_in(shop, whole.text)
    assert (again.state, again.rejected, again.problems) == (ImportState.DONE, 0, 0)
    assert sheet.people(shop)["ana@example.com"].first_name == "=1+1"


def test_the_audience_goes_out_as_parquet_with_moments_that_are_moments(merchant, shop, tmp_path):
    held = sheet.take_in(
        shop, "email,first name,phone\nana@example.com,=1+1,+351912345678\n", list_name="Friends"
    )
    sheet.take_in(shop, "email,tier,consent\nbo@example.com,gold,yes\n", properties=True)

    whole = merchant.fetch("/audience/export?as=parquet")
    part = merchant.fetch(f"/audience/lists/{held.list_id}/export?as=parquet")

    assert whole.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert whole.headers["Content-Disposition"].endswith('.parquet"')
    ana, bo = read(tmp_path, whole.content)
    assert (ana["First Name"], ana["Phone Number"]) == ("=1+1", "+351912345678")
    assert ana["Email Marketing Consent"] is None
    assert json.loads(bo["Properties"]) == {"tier": "gold"}
    assert bo["Email Marketing Consent"] == "subscribed"
    made = sheet.people(shop)["bo@example.com"].created_at
    assert bo["Created"] == (made - parquet.EPOCH) // timedelta(microseconds=1)
    assert [row["Email"] for row in read(tmp_path, part.content)] == ["ana@example.com"]
    assert merchant.fetch("/audience/export?as=xlsx").status_code == 404


def read(folder, body):
    """A Parquet file as DuckDB reads it."""
    file = folder / "audience.parquet"
    file.write_bytes(body)
    moments = ", ".join(
        f'epoch_us("{name}") AS "{name}"' for name, kind in COLUMNS if kind is MOMENT
    )
    found = duckdb.sql(f"SELECT * REPLACE ({moments}) FROM '{file}' ORDER BY Email")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_an_export_is_logged_once_and_the_pieces_of_an_upload_are_not(merchant):
    bring(merchant)
    merchant.fetch("/audience/export")

    shown = merchant.fetch("/settings/access").text

    assert "Audience export" in shown
    assert "pieces" not in shown


def test_an_export_holds_no_other_shops_audience(merchant, other, shop):
    held = sheet.take_in(shop, "email\nana@example.com\n", list_name="Friends")

    assert "ana@example.com" not in other.fetch("/audience/export").text
    assert other.fetch(f"/audience/lists/{held.list_id}/export").status_code == 404


MIXED = (
    "Email,First Name,Phone,Consent,Birthday,City\n"
    "ana@example.com,Ana,+12125550101,yes,1990-02-30,Oslo\n"
    "ANA@example.com,Ana B,,yes,,Oslo\n"
    "not-an-email,Bo,,yes,,\n"
    'cy@example.com,"Cy ""The, Kid""",12125550102,no,,New York\n'
    ",No Mail,+4915112345678,yes,,\n"
    "dan@example.com.,Dan,,unsubscribed,03/04/1990,\n"
)


def test_each_row_with_errors_is_counted_once_with_all_its_reasons(merchant, shop):
    answer, path = bring(merchant, MIXED.encode())
    assert 'value="birthday" selected' in answer.text
    kinds = ("email", "first_name", "phone", "email_consent", "birthday", "")
    merchant.post(path, **chosen(*kinds))
    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass

    part = merchant.fetch(f"{path}/progress").text

    assert "2 rows with errors" in part
    assert "1 row imported without an invalid value" in part
    assert [part.count(f'<th scope="row">{line}</th>') for line in (2, 3, 4, 7)] == [1, 0, 1, 1]
    told = dict(csv.reader(table(merchant.fetch(f"{path}/flaws"))))
    assert told["4"].count("Not a valid email") == 1
    assert told["2"].startswith("Birthday:")


def test_a_file_is_deleted_after_a_question_and_says_so(merchant, shop, data_dir):
    answer, path = bring(merchant)
    button = answer.text[answer.text.index('value="discard"') - 200 :]
    assert "hx-confirm" in button[:600]

    gone = merchant.post(f"{path}/act", act="discard")

    assert list(data_dir.rglob("*.csv")) == []
    assert state_of(shop, path) == ImportState.DISCARDED
    assert "Deleted. Nothing was imported." in gone.text
    assert problems.SENTENCES[ProblemCode.GONE] not in gone.text
    assert "Deleted" in merchant.fetch("/audience/imports").text
    assert sheet.people(shop) == {}
