"""Who said no elsewhere is imported as a no, whatever a file calls it and a merchant declares."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin import clock
from plugin.imports.answers import NEVER, YES, Answer, read_file_name
from plugin.imports.columns import ColumnKind
from plugin.imports.header import guess_columns
from plugin.imports.rows import RowParser
from plugin.messages.eligibility import consent_blocks
from plugin.profiles.export import export_csv
from plugin.sheets.records import Row
from storage import consent, shops, suppressions
from storage.channels import STOREFRONT_CHANNELS
from storage.consent_ledger import ConsentEvent, ConsentPurpose, ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.imports import Import
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

MAILCHIMP = (
    "Email Address,First Name,Last Name,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,CC,"
    "{more}LEID,EUID,NOTES,TAGS\n"
)
LEFT = MAILCHIMP.format(more="UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON,") + (
    'ana@example.com,Ana,Silva,,,2024-01-02 10:00:00,,PT,2024-05-01 09:00:00,,"No longer, thanks",'
    "1,a,,\nbo@example.com,Bo,,,,2024-01-02 10:00:00,,,,,,2,b,,\n"
)
GONE = MAILCHIMP.format(more="CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,") + (
    "cy@example.com,Cy,,,,2024-01-02 10:00:00,,,2024-05-01 09:00:00,May,9,3,c,,\n"
)
MEMBERS = MAILCHIMP.format(more="") + "di@example.com,Di,,,,2024-01-02 10:00:00,,,4,d,,\n"
EVERYONE = {"channels": list(STOREFRONT_CHANNELS), "where": "Fair", "on": "2026-01-01"}


def blocked(shop, address, channel="email"):
    """Why a marketing message may not go to an address; None where it may."""
    with db.reading() as session:
        return consent_blocks(session, shop.id, [(channel, address)])[channel, address]


def said(shop, address):
    return [e for e in sheet.rows(ConsentEvent, shop) if e.address == address]


def test_mailchimps_files_say_their_status_by_their_names(database, shop):
    export = "{}_email_audience_export_0a1b2c.csv"
    sheet.take_in(shop, LEFT, name=export.format("unsubscribed"), **EVERYONE)
    sheet.take_in(shop, GONE, name=export.format("cleaned"), **EVERYONE)
    sheet.take_in(shop, MEMBERS, name=export.format("subscribed"))

    states = {each: sheet.state(shop, f"{each}@example.com") for each in ("ana", "bo", "cy", "di")}
    assert states == {
        "ana": "unsubscribed", "bo": "unsubscribed", "cy": "bounced", "di": "subscribed",
    }  # fmt: skip
    assert sheet.people(shop)["ana@example.com"].country == "PT"
    (no,), (yes,) = said(shop, "ana@example.com"), said(shop, "di@example.com")
    assert no.occurred_at.replace(tzinfo=UTC) == datetime(2024, 5, 1, 9, tzinfo=UTC)
    assert yes.occurred_at.replace(tzinfo=UTC) == datetime(2024, 1, 2, 10, tzinfo=UTC)
    assert (no.method, yes.method) == ("column", "file")


def test_mailchimps_nonsubscribed_are_nobodys_subscribers_whatever_is_declared(shop):
    name = "nonsubscribed_email_audience_export_0a1b2c.csv"
    sheet.take_in(shop, MEMBERS, name=name, **EVERYONE)

    assert said(shop, "di@example.com") == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("unsubscribed_members_export_b6300f8dad.csv", Answer.NO),
        ("Unsubscribed.csv", Answer.NO),
        ("suppressed profiles (2).csv", Answer.SUPPRESSED),
        ("bounces-2026.csv", Answer.BOUNCED),
        ("退订.csv", Answer.NO),
        ("subscribed_members_export_b6300f8dad.csv", Answer.YES),
        ("nonsubscribed_audience_export_b6.csv", Answer.NEVER),
        ("customers without unsubscribed.csv", Answer.SILENT),
        ("newsletter.csv", Answer.SILENT),
    ],
)
def test_a_files_name_counts_where_it_begins_with_a_status(name, answer):
    assert read_file_name(name, "Mailchimp") == answer


def test_a_list_that_was_tidied_up_is_no_list_of_dead_mailboxes():
    assert read_file_name("cleaned_members_export.csv", "") == Answer.SILENT
    assert read_file_name("cleaned_customers.csv", "Mailchimp") == Answer.SILENT


def test_a_suppressed_or_dead_address_is_opened_by_its_owner_alone(database, shop):
    body = (
        "Email,Klaviyo ID,Email Marketing Consent,Email Suppressions\n"
        "ana@example.com,1,SUBSCRIBED,[USER_SUPPRESSED]\nbo@example.com,2,SUBSCRIBED,[HARD_BOUNCE]\n"
        "cy@example.com,3,SUBSCRIBED,\"['SPAM_COMPLAINT', 'UNSUBSCRIBE']\"\n"
        "di@example.com,4,SUBSCRIBED,[]\n"
    )
    sheet.take_in(shop, body, **EVERYONE)
    for address in ("ana@example.com", "bo@example.com", "cy@example.com", "di@example.com"):
        yes(shop, address, "storefront")

    assert blocked(shop, "ana@example.com") == "unsubscribed"
    assert blocked(shop, "bo@example.com") == "bounced"
    assert blocked(shop, "cy@example.com") == "unsubscribed"
    assert blocked(shop, "di@example.com") is None
    yes(shop, "ana@example.com", "confirmation")
    assert blocked(shop, "ana@example.com") is None


def test_what_an_owner_said_here_after_the_suppression_stands(database, shop):
    yes(shop, "ana@example.com", "confirmation", datetime(2026, 3, 1, tzinfo=UTC))
    body = "email,clean time,consent\nana@example.com,2025-01-01,\n"
    sheet.take_in(shop, body)

    assert blocked(shop, "ana@example.com") is None


def test_omnisends_later_opt_in_ends_its_opt_out(shop):
    body = (
        "email,email status,email opt-in date,email opt-out date\n"
        "ana@example.com,subscribed,2025-03-01,2025-01-01\n"
        "bo@example.com,unsubscribed,2025-01-01,2025-03-01\n"
        "cy@example.com,nonSubscribed,,\n"
    )
    sheet.take_in(shop, body)

    states = {each: sheet.state(shop, f"{each}@example.com") for each in ("ana", "bo", "cy")}
    assert states == {"ana": "subscribed", "bo": "unsubscribed", "cy": None}


def test_a_no_counts_in_a_column_that_the_merchant_leaves_out(shop):
    held = sheet.upload(shop, b"email,accepts email marketing,status\n"
                        b"ana@example.com,unsubscribed,\nbo@example.com,,Unsubscribed\n"
                        b"cy@example.com,no,\ndi@example.com,,\n")  # fmt: skip
    held.mapping = [ColumnKind.EMAIL, ColumnKind.NOTHING, ColumnKind.PROPERTY]
    held.declaration = EVERYONE
    sheet.lifecycle.start_import(held)
    sheet.finish(shop, held)

    states = {each: sheet.state(shop, f"{each}@example.com") for each in ("ana", "bo", "cy", "di")}
    assert states == {"ana": "unsubscribed", "bo": "unsubscribed", "cy": None, "di": "subscribed"}


def test_of_two_rows_about_one_address_a_no_makes_the_yes_void(shop):
    sheet.take_in(shop, "email,consent\nana@example.com,yes\nana@example.com,no\n")

    assert sheet.state(shop, "ana@example.com") is None


def test_our_own_export_keeps_out_of_a_new_shop_who_may_not_be_written_to(database, shop):
    sheet.take_in(
        shop,
        "email,phone,consent,sms consent,bounced\n"
        "yes@example.com,+351912345678,yes,yes,\n"
        "no@example.com,+351912345679,unsubscribed,opted out,\n"
        "gone@example.com,,yes,,2025-01-01\nnever@example.com,,,,\nspam@example.com,,complained,,\n"
        "stopped@example.com,+351912345670,yes,yes,\nerased@example.com,,yes,,\n",
    )  # fmt: skip
    no(shop, "sms", "+351912345670", ConsentPurpose.TRANSACTIONAL)
    no(shop, "email", "stopped@example.com", ConsentPurpose.OPEN_TRACKING)
    with db.transaction() as session:
        suppressions.suppress_addresses(
            session, shop.id, [("email", "erased@example.com")], clock.now()
        )
    file = b"".join(export_csv(shop.id))
    with db.transaction() as session:
        fresh = shops.add_shop(session, "new.myshopify.com", clock.now(), access_token="x")

    held = sheet.take_in(fresh, file, **EVERYONE)

    assert held.problems == 0
    places = {
        (channel, address)
        for row in sheet.rows(sheet.Profile, shop)
        for channel, address in (("email", row.email), ("sms", row.phone))
        if address
    }
    with db.reading() as session:
        before = consent_blocks(session, shop.id, places)
    with db.reading() as session:
        after = consent_blocks(session, fresh.id, places)
    assert {place for place, why in after.items() if why is None} == {
        place for place, why in before.items() if why is None
    }
    assert after["email", "erased@example.com"] == after["email", "spam@example.com"]
    assert after["email", "gone@example.com"] == "bounced"
    with db.reading() as session:
        stopped = consent.get_consent(
            session, fresh.id, "sms", "+351912345670", purpose=ConsentPurpose.TRANSACTIONAL
        )
        assert stopped is not None
        assert stopped.state == ConsentState.UNSUBSCRIBED
        assert consent.refuses_open_tracking(session, fresh.id, "email", "stopped@example.com")
        assert suppressions.suppressed_addresses(
            session, fresh.id, [("email", "erased@example.com"), ("email", "gone@example.com")]
        ).keys() == {("email", "erased@example.com"), ("email", "gone@example.com")}


# One column and its cell each: a no in the words of one system.
NOES = [
    *((column, word) for column in ("Email Marketing Consent", "Accepts Email Marketing", "consent",
                                    "Email Status", "status", "Subscribed")
      for word in ("UNSUBSCRIBED", "unsubscribed", "Opted out", "cleaned", "[HARD_BOUNCE]",
                   "SUPPRESSED", "blocklisted", "REDACTED", "INVALID", "revoked", "退订",
                   "Unsubscribed via link in marketing message")),
    *(("Email Marketing Consent", word) for word in ("NEVER_SUBSCRIBED", "NOT_SUBSCRIBED",
                                                     "PENDING", "no", "false", "nonSubscribed")),
    *(("Email Suppressions", word) for word in ("[USER_SUPPRESSED]", "['UNSUBSCRIBE']", "true",
                                                "INVALID_EMAIL", "[SPAM_COMPLAINT]", "2024-01-01")),
    *((column, word) for column in ("UNSUB_TIME", "CLEAN_TIME", "EMAIL_BLACKLISTED", "unsubscribed",
                                    "UNSUB_REASON", "CLEAN_CAMPAIGN_TITLE", "bounced")
      for word in ("2024-05-01 10:00:00", "yes", "1", "N/A (Unsubscribed by admin)")),
]  # fmt: skip


@given(
    no=st.sampled_from(NOES),
    others=st.lists(st.sampled_from([*NOES, ("consent", "yes"), ("Email Marketing Consent",
        "SUBSCRIBED"), ("Accepts Email Marketing", "yes"), ("consent date", "2030-01-01"),
        ("CONFIRM_TIME", "2024-01-01"), ("Tier", "gold"), ("LEID", "1"), ("EUID", "2")]),
        max_size=5),
    place=st.integers(0, 5),
    left_out=st.sets(st.integers(0, 6)),
    name=st.sampled_from(["people.csv", "subscribed_members_export_1.csv"]),
)  # fmt: skip
def test_p_no_row_with_a_no_in_it_ever_gives_a_yes(no, others, place, left_out, name):
    cells = [*others[:place], no, *others[place:]]
    header = ["Email Address", *(column for column, _ in cells)]
    mapping = [
        ColumnKind.NOTHING if n in left_out and n else kind
        for n, kind in enumerate(guess_columns(header))
    ]
    held = Import(
        shop_id=1, id=new_id(), file_name=name, size=1, columns=header, mapping=mapping,
        declaration=EVERYONE, created_at=clock.now(), due_at=clock.now(),
    )  # fmt: skip

    parsed = RowParser(held, "US").parse(
        [Row(2, 0, 1, 3, ["ana@example.com", *(c for _, c in cells)])]
    )

    assert ConsentState.SUBSCRIBED not in {fact.state for fact in parsed.facts.consents}


def test_no_word_means_both():
    assert not YES & NEVER


def yes(shop, address, source, at=None):
    word(shop, "email", address, "subscribed", source, at=at)


def no(shop, channel, address, purpose):
    word(shop, channel, address, "unsubscribed", "preferences", purpose=purpose)


def word(shop, channel, address, state, source, *, at=None, purpose=ConsentPurpose.MARKETING):
    at = at or clock.now() + timedelta(seconds=1)
    with db.transaction() as session:
        consent.record_consent(
            session,
            [
                {"shop_id": shop.id, "id": (entry := new_id()), "dedupe_key": f"said:{entry}",
                 "channel": channel, "address": address, "state": state, "purpose": purpose,
                 "occurred_at": at, "recorded_at": at, "source": source, "profile_id": None}
            ],
        )  # fmt: skip
