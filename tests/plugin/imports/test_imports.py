"""A merchant's file becomes profiles, members and consents: once each, and no more than it says."""

from datetime import UTC, datetime

import pytest

from plugin import clock
from plugin.imports import lifecycle
from plugin.jobs import Progress, run_slice
from plugin.onboard import seed_library
from plugin.sheets.problems import SheetError
from storage import consent, imports, shops
from storage.consent_ledger import ConsentEvent
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Enrolment, FlowStatus, flows_of
from storage.imports import ImportState, ProblemCode
from storage.lists import lists_of
from storage.profiles import Identity
from storage.write_backs import WriteBack
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

SHOPIFY = """Customer ID,First Name,Last Name,Email,Accepts Email Marketing,\
Default Address Country Code,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags
'7001,Ana,Silva,Ana@Example.com,yes,PT,'+351912345678,no,120.00,3,"vip, early"
'7002,Bo,Lin,bo@example.com,no,CN,,no,0.00,0,
"""
KLAVIYO = """Email,Klaviyo ID,First Name,Last Name,Country,Phone Number,Email Marketing Consent,\
Email Marketing Consent Timestamp,SMS Marketing Consent,Email Suppressions,Skin
ana@example.com,01A,Ana,Silva,Portugal,912345678,SUBSCRIBED,2024-05-01 10:00:00,,[],dry
bo@example.com,01B,Bo,Lin,China,,UNSUBSCRIBED,2024-06-01 10:00:00,,[],oily
cy@example.com,01C,Cy,,,,NEVER_SUBSCRIBED,,,[],
di@example.com,01D,Di,,,,SUBSCRIBED,2024-05-01,,[USER_SUPPRESSED],
"""


def test_shopifys_export_is_known_by_its_columns(database, shop):
    held = sheet.take_in(shop, SHOPIFY, list_name="Friends")

    ana = sheet.people(shop)["ana@example.com"]
    assert (held.state, held.rows, held.rejected, held.problems) == (ImportState.DONE, 2, 0, 0)
    assert (ana.first_name, ana.last_name, ana.country, ana.phone) == (
        "Ana", "Silva", "PT", "+351912345678",
    )  # fmt: skip
    assert ("customer_id", "7001") in {(i.kind, i.value) for i in sheet.rows(Identity, shop)}
    assert sheet.state(shop, "ana@example.com") == "subscribed"
    assert sheet.state(shop, "+351912345678", "sms") is None
    assert sheet.state(shop, "bo@example.com") is None
    assert sheet.members(shop, held.list_id) == {"ana@example.com", "bo@example.com"}
    assert held.added_to_list == 2


def test_klaviyos_export_keeps_each_word_on_consent_with_its_moment(database, shop):
    held = sheet.take_in(shop, KLAVIYO, properties=True, where="Klaviyo")

    found = sheet.people(shop)
    assert held.problems == 0
    assert (found["ana@example.com"].country, found["ana@example.com"].phone) == (
        "PT", "+351912345678",
    )  # fmt: skip
    assert found["ana@example.com"].properties["Skin"] == "dry"
    states = {name: sheet.state(shop, f"{name}@example.com") for name in ("ana", "bo", "cy", "di")}
    assert states == {"ana": "subscribed", "bo": "unsubscribed", "cy": None, "di": "unsubscribed"}
    (said,) = [e for e in sheet.rows(ConsentEvent, shop) if e.address == "ana@example.com"]
    assert said.occurred_at.replace(tzinfo=UTC) == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert (said.source, said.method, said.disclosure) == ("import", "column", "Klaviyo")


def test_an_import_without_column_or_declaration_gives_no_consent(database, shop):
    sheet.take_in(shop, "email,phone\nana@example.com,+351912345678\n")

    assert sheet.rows(ConsentEvent, shop) == []


def test_what_the_merchant_declares_is_the_proof_of_each_yes(shop):
    body = "email\nana@example.com\n"
    sheet.take_in(shop, body, channels=["email"], where="Fair in Porto", on="2025-03-02")

    (said,) = sheet.rows(ConsentEvent, shop)
    assert (said.state, said.method, said.disclosure) == ("subscribed", "declared", "Fair in Porto")
    assert said.occurred_at.date().isoformat() == "2025-03-02"
    assert sheet.rows(WriteBack, shop) == []  # Shopify hears what shoppers say, not what files say


def no(shop, address, at):
    with db.transaction() as session:
        consent.record_consent(
            session,
            [
                {"shop_id": shop.id, "id": new_id(), "dedupe_key": f"no:{address}",
                 "channel": "email", "address": address, "state": "unsubscribed",
                 "occurred_at": at, "recorded_at": at, "source": "link", "profile_id": None}
            ],
        )  # fmt: skip


def test_a_file_never_overrides_a_no(database, shop):
    no(shop, "ana@example.com", datetime(2020, 1, 1, tzinfo=UTC))

    body = "email,consent\nana@example.com,yes\nbo@example.com,yes\nbo@example.com,unsubscribed\n"
    held = sheet.take_in(shop, body + "cy@example.com,unsubscribed\ncy@example.com,yes\n")

    states = {name: sheet.state(shop, f"{name}@example.com") for name in ("ana", "bo", "cy")}
    assert set(states.values()) == {"unsubscribed"}
    assert (2, -1, ProblemCode.STAYS) in sheet.flaws_of(held)
    assert held.rejected == 0


def test_problems_are_listed_by_line_and_affect_no_other_row(database, shop):
    body = (
        "email,phone,consent,email consent date\n"
        "ana@example,+351912345678,,\n"  # 2: the phone is good
        "nobody,12,,\n"  # 3: nothing is
        '"bo@example.com",,maybe,\n'  # 4
        '\n"cy@exa\nmple.com",,,\n'  # 5 is blank, 6 and 7 are one row
        "di@example.com,,yes,01/02/2024\n"  # 8
        "ed@example.com\n"
    )
    held = sheet.take_in(shop, body)

    assert set(sheet.people(shop)) == {
        "+351912345678", "bo@example.com", "di@example.com", "ed@example.com",
    }  # fmt: skip
    assert sheet.flaws_of(held) == [
        (2, 0, ProblemCode.EMAIL),
        (3, -1, ProblemCode.NO_ADDRESS),
        (3, 0, ProblemCode.EMAIL),
        (3, 1, ProblemCode.PHONE),
        (4, 2, ProblemCode.CONSENT),
        (6, -1, ProblemCode.NO_ADDRESS),
        (6, 0, ProblemCode.EMAIL),
        (8, 3, ProblemCode.DAY_OR_MONTH),
    ]
    assert (held.rows, held.rejected, held.problems) == (6, 2, 5)


def test_of_two_rows_about_one_person_the_later_one_is_newer(shop):
    sheet.take_in(shop, "email,first name\nana@example.com,Zoe\nana@example.com,Ana\n")

    assert [row.first_name for row in sheet.people(shop).values()] == ["Ana"]


@pytest.mark.parametrize("wanted", [False, True])
def test_flows_of_the_list_start_only_where_the_merchant_wants_it(shop, seeded, wanted):
    held = sheet.upload(shop, b"email\nana@example.com\n")
    held.list_id, held.starts_flows = seeded, wanted
    lifecycle.start_import(held)
    sheet.finish(shop, held)

    assert len(sheet.rows(Enrolment, shop)) == wanted
    assert sheet.members(shop, seeded) == {"ana@example.com"}


def test_reverting_an_import_removes_only_its_own_members(database, shop, monkeypatch):
    monkeypatch.setattr(lifecycle, "MEMBERS_BATCH_SIZE", 2)
    first = sheet.take_in(shop, "email\nold@example.com\n", list_name="Friends")
    held = sheet.upload(shop, b"email\n" + b"".join(b"p%d@example.com\n" % n for n in range(7))
                        + b"old@example.com\n")  # fmt: skip
    held.list_id = first.list_id
    lifecycle.start_import(held)
    done = sheet.finish(shop, held)
    assert (done.added_to_list, len(sheet.members(shop, first.list_id))) == (7, 8)

    lifecycle.revert_import(done)
    left = sheet.finish(shop, done)

    assert (left.state, left.added_to_list) == (ImportState.REVERTED, 0)
    assert sheet.members(shop, first.list_id) == {"old@example.com"}
    assert len(sheet.people(shop)) == 8


def test_an_import_that_is_stopped_keeps_what_it_read_and_reads_no_further(shop, monkeypatch):
    monkeypatch.setattr(lifecycle, "ROWS_BATCH_SIZE", 2)
    held = sheet.upload(shop, b"email\n" + b"".join(b"p%d@example.com\n" % n for n in range(9)))
    lifecycle.start_import(held)
    assert run_slice(lifecycle.SLICE_JOB, shop.id, 0.0) is Progress.MORE
    real, calls = lifecycle.record_facts, []

    def stops(session, *given):
        calls.append(given)
        return real(session, *given)

    monkeypatch.setattr(lifecycle, "record_facts", stops)
    with db.reading() as session:
        held = imports.get_import(session, shop.id, held.id)
    lifecycle.stop_import(held)

    assert sheet.finish(shop, held).state == ImportState.STOPPED
    assert calls == []


class Killed(BaseException):
    """What a kill -9 is to the process that it hits, as far as the database can tell."""


def test_a_reading_that_dies_again_and_again_takes_each_row_in_once(database, shop, monkeypatch):
    monkeypatch.setattr(lifecycle, "ROWS_BATCH_SIZE", 3)
    body = "email,consent\n" + "".join(f"p{n}@example.com,yes\n" for n in range(40)) + "bad,\n" * 5
    real, calls = lifecycle.record_facts, 0

    def dies(*given):
        nonlocal calls
        calls += 1
        found = real(*given)
        if calls % 3 == 0:
            raise Killed
        return found

    monkeypatch.setattr(lifecycle, "record_facts", dies)
    held = sheet.upload(shop, body.encode())
    lifecycle.start_import(held, "Friends")
    for _ in range(100):
        try:
            found = sheet.finish(shop, held)
            break
        except Killed:
            continue

    assert (found.state, found.rows, found.rejected) == (ImportState.DONE, 45, 5)
    assert (len(sheet.people(shop)), found.added_to_list) == (40, 40)
    assert len(sheet.rows(ConsentEvent, shop)) == 40
    assert (len(sheet.flaws_of(found)), found.problems) == (10, 5)


def test_a_row_that_the_database_refuses_spares_its_neighbours(shop, monkeypatch):
    real = lifecycle.record_facts

    def picky(session, shop, facts, now):
        if any(("email", "bo@example.com") in person.identities for person in facts.profiles):
            raise ValueError("this one")
        return real(session, shop, facts, now)

    monkeypatch.setattr(lifecycle, "record_facts", picky)
    held = sheet.take_in(shop, "email\nana@example.com\nbo@example.com\ncy@example.com\n")

    assert set(sheet.people(shop)) == {"ana@example.com", "cy@example.com"}
    assert (held.state, held.rows, held.rejected) == (ImportState.DONE, 3, 1)
    assert sheet.flaws_of(held) == [(3, -1, ProblemCode.FAILED)]


def test_pieces_that_come_twice_or_too_early_change_nothing(shop):
    body = b"email\nana@example.com\n"
    held = lifecycle.begin_upload(shop.id, "people.csv", len(body))

    assert lifecycle.append_upload(held, 0, body[:10]) == 10
    assert lifecycle.append_upload(held, 0, body[:10]) == 10
    assert lifecycle.append_upload(held, 15, body[15:]) == 10
    assert lifecycle.append_upload(held, 10, body[10:]) == len(body)
    with pytest.raises(SheetError):
        lifecycle.append_upload(held, len(body), b"more")
    lifecycle.finish_upload(held)

    assert [row.cells for row in lifecycle.sample_rows(held, 9)] == [["ana@example.com"]]


def test_a_file_is_gone_after_a_week(shop, data_dir, monkeypatch):
    held = sheet.take_in(shop, "email\nana@example.com\n")
    waiting = sheet.upload(shop, b"email\nbo@example.com\n")
    assert len(list(data_dir.rglob("*.csv"))) == 2

    later = clock.now() + lifecycle.files.KEPT_FOR
    monkeypatch.setattr(lifecycle.clock, "now", lambda: later)
    lifecycle.expire_imports()

    assert list(data_dir.rglob("*.csv")) == []
    assert sheet.finish(shop, held).state == ImportState.DONE
    assert sheet.finish(shop, waiting).error == ProblemCode.GONE


def test_other_shops_see_nothing_of_it(database, shop):
    held = sheet.upload(shop, b"email\nana@example.com\n")
    with db.transaction() as session:
        other = shops.add_shop(session, "other.myshopify.com", clock.now(), access_token="x")

    with db.reading() as session:
        assert imports.get_import(session, other.id, held.id) is None
        assert imports.imports_of(session, other.id) == []


@pytest.fixture
def seeded(shop):
    """The newsletter, with its welcome flow live."""

    seed_library(shop.id)
    with db.transaction() as session:
        for flow in flows_of(session, shop.id):
            flow.status = FlowStatus.LIVE
            session.add(flow)
        return lists_of(session, shop.id)[0].id
