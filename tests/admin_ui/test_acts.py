"""A merchant's actions in the admin: switch, save, search, page, retry; and the messages after
them.
"""

import json
import re
from datetime import timedelta

import pytest

from plugin import clock
from plugin.facts import IdentityKey, ProfileFact
from plugin.jobs import run_slice
from plugin.profiles import duplicates, properties
from plugin.profiles.identity import resolve_profiles
from storage import (
    access_log,
    coupons,
    failed_webhooks,
    flows,
    forms,
    metrics,
    shops,
    write_backs,
)
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import FlowStatus
from storage.forms import FormStatus
from storage.profiles import Identity, Profile, find_identities, get_profile
from storage.properties import definitions_of
from storage.shops import get_shop
from storage.write_backs import WriteBackState
from tests.admin_ui.conftest import Merchant


def toast(answer):
    return json.loads(answer.headers["HX-Trigger"])["regulars:toast"]["words"]


def test_a_flow_is_switched_off_and_on(merchant, shop, filled):
    path = f"/flows/{filled['Welcome']}"

    off = merchant.post(path, status="draft")
    assert "turned off" in toast(off)
    assert 'aria-checked="false"' in off.text
    on = merchant.post(path, status="live")

    assert "turned on" in toast(on)
    assert on.headers["HX-Replace-Url"] == path
    with db.reading() as session:
        assert flows.get_flow(session, shop.id, filled["Welcome"]).status == FlowStatus.LIVE


def test_switching_off_asks_first_when_shoppers_wait(merchant, filled):
    page = merchant.fetch(f"/flows/{filled['Abandoned checkout']}").text

    assert 'hx-confirm="3 customers are waiting' in page
    assert "hx-confirm" not in merchant.fetch(f"/flows/{filled['Welcome']}").text


def test_a_form_is_switched_off_and_the_storefront_told(merchant, shop, filled, broker):
    broker.declare_queue("publish")
    before = broker.queues["publish"].qsize()

    answer = merchant.post(f"/forms/{filled['form']}", status="draft")

    assert answer.status_code == 200
    assert broker.queues["publish"].qsize() == before + 1
    with db.reading() as session:
        assert forms.get_form(session, shop.id, filled["form"]).status == FormStatus.DRAFT


def test_settings_are_kept_on_one_line_and_speak_the_new_language(merchant, shop):
    answer = merchant.post(
        "/settings",
        sender_name="Dew\r\npoint  Skin",
        sender_email=" Hello@DEWPOINT.example ",
        postal_address="12 Mill Lane",
        language="zh_Hans",
    )

    assert toast(answer) == "已保存"
    assert 'lang="zh-Hans"' in answer.text
    with db.reading() as session:
        kept = get_shop(session, shop.id)
        assert kept.sender_name == "Dew point Skin"
        assert kept.sender_email == "hello@dewpoint.example"
    assert 'lang="zh-Hans"' in merchant.open("/", locale="en").text


def test_an_address_that_is_none_is_refused_and_nothing_is_kept(merchant, shop):
    answer = merchant.post("/settings", sender_name="X", sender_email="hello@", language="xx")

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="hello@"' in answer.text
    with db.reading() as session:
        assert get_shop(session, shop.id).sender_name == "Dewpoint"


def test_a_search_finds_by_any_name_address_or_number(merchant, filled):
    for words in ("may", "OKAFOR", "maya okafor", "okafor maya", "maya.ok", "+1 415 555", "+1415"):
        text = merchant.post("/audience/search", q=words).text
        assert "Maya Okafor" in text, words
        assert "Lena Brandt" not in text, words
    assert "陈小雨" in merchant.post("/audience/search", q="小雨").text
    assert "No profiles found" in merchant.post("/audience/search", q="%").text


def test_p12_a_long_list_is_paged_to_its_end_without_a_hole(merchant, shop):
    at = clock.now()
    with db.transaction() as session:
        session.add_all(
            Profile(shop_id=shop.id, id=new_id(), email=f"p{n}@example.com", created_at=at,
                    last_active_at=at - timedelta(seconds=n // 40))
            for n in range(120)
        )  # fmt: skip

    seen, path = [], "/audience"
    for _ in range(5):
        text = merchant.fetch(path).text
        seen += [n for n in range(120) if f">p{n}@example.com</a>" in text]
        if 'id="older"' not in text:
            break
        path = text.split('hx-get="/audience?before=')[1].split('"')[0]
        path = f"/audience?before={path}"

    assert sorted(seen) == list(range(120))


def test_a_timeline_is_paged_and_filtered(merchant, filled):
    page = f"/audience/profiles/{filled['profile']}"
    first = merchant.fetch(page).text
    older = first.split("before=")[1].split('"')[0]
    second = merchant.fetch(f"{page}?before={older}").text

    assert "Show older" in first
    assert "#1097" in first
    assert "#1097" not in second
    assert "Not sent: not subscribed to email marketing." in first
    only_messages = merchant.fetch(f"{page}?kind=messages").text.split('id="timeline"')[1]
    assert "Placed order" not in only_messages.split("</ol>")[0]
    assert "Rice Water Toner" in merchant.fetch(f"{page}?kind=browsing").text


def test_a_profile_shows_the_answers_label_and_the_proof_of_consent(merchant, filled):
    text = merchant.fetch(f"/audience/profiles/{filled['profile']}").text

    assert "What does your skin need most?" in text
    assert "More hydration" in text
    assert "By signing up you agree to receive our emails" in text
    assert "203.0.113.42" in text
    assert "Next step:" in text


def test_a_flow_says_why_messages_were_not_sent(merchant, filled):
    text = merchant.fetch(f"/flows/{filled['Abandoned checkout']}").text

    assert "Placed an order first." in text
    assert "When someone starts a checkout" in text
    assert "Wait 1 hour" in text
    assert "Exits the flow when: Placed order" in text


def test_a_preview_runs_nothing_and_ends(merchant, client, filled, monkeypatch):
    page = merchant.fetch(f"/flows/{filled['Welcome']}/messages/1").text
    address = page.split('class="mail" sandbox src="')[1].split('"')[0]

    mail = client.get(address)
    assert mail.status_code == 200
    assert mail.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in mail.headers["Content-Security-Policy"]
    assert "admin.shopify.com" in mail.headers["Content-Security-Policy"]
    assert client.get(address[:-2]).status_code == 404
    assert client.get(address.replace(".en.", ".zh-CN.")).status_code == 404
    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr("admin_ui.flows.preview.clock.now", lambda: later)
    assert client.get(address).status_code == 404


def test_a_preview_ends_with_the_uninstall(merchant, client, shop, filled):
    page = merchant.fetch(f"/flows/{filled['Welcome']}/messages/1").text
    address = page.split('class="mail" sandbox src="')[1].split('"')[0]
    assert client.get(address).status_code == 200

    with db.transaction() as session:
        shops.uninstall(session, shop.id, clock.now())

    assert client.get(address).status_code == 404


def test_o14_a_delivery_is_tried_again_once_more(merchant, shop, filled, broker):
    path = "/settings/quarantine/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    before = broker.queues["digest"].qsize()
    shown = merchant.fetch(path).text
    assert "total_price is not an amount of money" in shown
    assert "&#34;total_price&#34;: &#34;ten&#34;" in shown

    answer = merchant.post(path)

    assert answer.headers["HX-Replace-Url"] == "/settings/quarantine"
    assert broker.queues["digest"].qsize() == before + 1
    assert merchant.post(path).status_code == 404
    with db.inbox_reading() as session:
        assert failed_webhooks.count_quarantined(session, shop.id) == 1


def test_an_expired_delivery_shows_its_reason_and_offers_no_retry(merchant, shop, filled, broker):
    path = "/settings/quarantine/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    before = broker.queues["digest"].qsize()
    with db.inbox_transaction() as session:
        assert failed_webhooks.empty_quarantined(session, shop.id, clock.now(), 10) == 2

    shown = merchant.fetch(path).text

    assert "total_price is not an amount of money" in shown
    assert "The content was deleted" in shown
    assert f'action="{path}"' not in shown + merchant.fetch("/settings/quarantine").text
    assert merchant.post(path).status_code == 404
    assert broker.queues["digest"].qsize() == before


def test_home_counts_thirty_days_and_warns_of_quarantine(merchant, filled):
    text = merchant.open("/").text

    assert "2 webhooks from Shopify couldn't be processed." in text
    assert "Maya Okafor placed an order for $54.00" in text
    assert "Get started" not in text
    assert "Top flows" in text


def test_a_new_shop_is_led_through_its_first_steps(merchant):
    text = merchant.open("/").text

    assert "1 of 5 completed" in text  # the sender is set in this shop
    assert "activateAppId=test-client-id/embed" in text
    assert "/admin/themes/current/editor?context=apps" in text


def test_static_files_are_kept_forever_under_their_hash(merchant, client):
    page = merchant.open("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]

    kept = client.get(address)
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["Content-Type"].startswith("text/css")
    old = client.get("/static/admin/000000000000/admin.css")
    assert old.headers["Cache-Control"] == "no-cache"
    assert client.get("/static/admin/x/passwd").status_code == 404


def test_what_shopify_refused_is_shown_and_tried_again(merchant, shop, broker):
    at = clock.now()
    said = {"kind": "email", "name": "maya@example.com", "value": "subscribed", "profile_id": None}
    with db.transaction() as session:
        write_backs.save_write_backs(session, shop.id, [{**said, "requested_at": at}], at)
        (held,) = write_backs.claim_write_backs(session, shop.id, at, 1, seconds=0)
        write_backs.settle_write_back(
            session, held, state=WriteBackState.FAILED, error="Customer is locked."
        )

    assert "1 change not synced" in merchant.fetch("/settings").text
    page = merchant.fetch("/settings/write-backs").text
    assert "Customer is locked." in page
    assert "maya@example.com" in page
    merchant.post("/settings/write-backs", again="1")

    assert broker.queues["write_back"].qsize() == 1
    with db.reading() as session:
        assert write_backs.due_shops(session, clock.now()) == [shop.id]
        assert get_shop(session, shop.id).write_form_answers is False


def test_what_goes_back_to_shopify_is_the_merchants_choice(merchant, shop):
    answer = merchant.post("/settings/write-backs", write_form_answers="on")

    assert toast(answer) == "Saved"
    assert 'name="write_form_answers" checked' in answer.text
    with db.reading() as session:
        kept = get_shop(session, shop.id)
    assert (kept.write_form_answers, kept.create_customers) == (True, False)


def test_a_coupon_is_made_and_its_codes_are_rung_for(merchant, shop, broker):
    answer = merchant.post("/coupons", name="Spring", prefix="spring", kind="amount", worth="7.50")

    assert toast(answer) == "Coupon created. Codes are being generated."
    assert "$7.50" in answer.text
    assert "Creating" in answer.text
    assert broker.queues["refill"].qsize() == 1
    with db.reading() as session:
        made = coupons.coupons_of(session, shop.id)[-1]
    assert (made.name, made.prefix, made.kind, made.amount) == ("Spring", "SPRING", "amount", 750)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"prefix": "a b"}, {"kind": "bogo"}, {"worth": "0"}, {"worth": "10.5"},
        {"worth": "NaN"}, {"worth": "1e99"}, {"kind": "amount", "worth": "-3"},
        {"kind": "amount", "worth": "1e3"}, {"kind": "amount", "worth": "1,000"},
        {"kind": "amount", "worth": "5.001"}, {"kind": "amount", "worth": "5 000"},
    ],
)  # fmt: skip
def test_a_coupon_that_will_not_do_is_not_made(merchant, shop, wrong):
    sent = {"name": "Spring", "prefix": "SPRING", "kind": "percentage", "worth": "10"} | wrong
    answer = merchant.post("/coupons", **sent)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    with db.reading() as session:
        assert "Spring" not in [each.name for each in coupons.coupons_of(session, shop.id)]


def test_a_coupon_that_shopify_refused_says_why_and_is_tried_again(merchant, shop, filled, broker):
    with db.transaction() as session:
        (coupon,) = coupons.coupons_of(session, shop.id)
        coupons.change_coupon(session, shop.id, coupon.id, error="Too many discounts.")
    assert "Too many discounts." in merchant.fetch("/coupons").text

    answer = merchant.post(f"/coupons/{coupon.id}")

    assert "Too many discounts." not in answer.text
    assert broker.queues["refill"].qsize() == 1
    assert merchant.post("/coupons/1").status_code == 404


def test_a_tag_is_put_on_and_taken_off(merchant, shop, filled, broker):
    path = f"/audience/profiles/{filled['profile']}/tags"

    added = merchant.post(path, tag="  Loves   cream ")

    assert toast(added) == "Tag added"
    assert "Loves cream" in added.text
    assert "Loves cream" in merchant.fetch(f"/audience/profiles/{filled['profile']}").text
    assert broker.queues["write_back"].qsize() == 1
    key = write_backs.key_of("tag", "Loves cream", filled["profile"])
    with db.reading() as session:
        assert write_backs.by_key(session, shop.id, [key])[key].value == "on"

    off = merchant.post(path, tag="Loves cream", off="1")

    assert toast(off) == "Tag removed"
    assert "No tags yet" in off.text
    with db.reading() as session:
        assert write_backs.by_key(session, shop.id, [key])[key].value == "off"


@pytest.mark.parametrize("tag", ["", "   ", "a,b", "x" * 256, "a\x01b", "\x00"])
def test_what_is_no_tag_is_refused(merchant, shop, filled, tag):
    path = f"/audience/profiles/{filled['profile']}/tags"

    answer = merchant.post(path, tag=tag)

    assert answer.status_code == 422
    assert "up to 255 characters" in answer.text
    assert merchant.post("/audience/profiles/1/tags", tag="x").status_code == 404
    with db.transaction() as session:
        due = write_backs.claim_write_backs(session, shop.id, clock.now(), 100, seconds=0)
    assert [row.name for row in due if row.kind == "tag"] == []


def test_a_merge_is_shown_and_taken_back(merchant, shop, filled):
    page = f"/audience/profiles/{filled['profile']}"
    before = merchant.fetch(page).text
    merge_id = re.search(r'name="undo" value="(\d+)"', before)[1]

    answer = merchant.post(page, undo=merge_id)

    assert toast(answer) == "Profiles separated."
    assert "Only your team can merge them again" in answer.text
    assert 'name="undo"' not in answer.text
    with db.reading() as session:
        known = find_identities(session, shop.id, [("browser_id", "b-tablet")])
    assert known["browser_id", "b-tablet"] != filled["profile"]
    assert merchant.post(page, undo="x").status_code == 404


def test_likely_duplicates_are_joined_or_kept_apart(merchant, shop):
    pairs = []
    for n in range(2):
        with db.transaction() as session:
            for email in (f"maya{'h' * n}@gmail.com", f"maya{'h' * n}@gmial.com"):
                person = ProfileFact((IdentityKey("email", email),), clock.now(), {"email": email})
                pairs += resolve_profiles(session, shop.id, [person], clock.now())
    run_slice(duplicates.SLICE_JOB, shop.id)
    ids = [whose.profile_id for whose in pairs]
    assert "2 possible duplicates" in merchant.fetch("/audience").text
    assert "Emails differ by one typo" in merchant.fetch("/audience/duplicates").text

    path = "/audience/duplicates"
    joined = merchant.post(path, one=str(ids[0]), other=str(ids[1]), act="join")
    apart = merchant.post(path, one=str(ids[2]), other=str(ids[3]), act="apart")

    assert "Profiles merged." in toast(joined)
    assert toast(apart) == "Kept separate."
    assert "No possible duplicates" in apart.text
    with db.reading() as session:
        assert get_profile(session, shop.id, ids[1]).id == ids[0]
        assert get_profile(session, shop.id, ids[3]).id == ids[3]
    page = merchant.fetch(f"/audience/profiles/{ids[0]}").text
    assert "by your team" in page
    again = merchant.post(path, one=str(ids[2]), other=str(ids[3]), act="join")
    assert again.status_code == 404


def test_l21_a_view_of_a_profile_is_logged(merchant, shop, filled):
    path = f"/audience/profiles/{filled['profile']}"
    merchant.fetch("/settings")
    merchant.fetch(path)
    merchant.post(f"{path}/tags", tag="vip")
    merchant.fetch("/audience/profiles/1")  # there is none, so there was nothing to read

    with db.reading() as session:
        told = access_log.entries_page(session, shop.id, 10)
    said = [(row.user_id, row.action, row.page, row.profile_id) for row in told]
    assert said == [
        ("42", "change", "audience/profiles/tags", filled["profile"]),
        ("42", "read", "audience/profiles", filled["profile"]),
    ]
    assert "<td>Profile" in merchant.fetch("/settings/access").text
    with db.transaction() as session:
        access_log.delete_before(session, clock.now(), 100)
    assert "No views yet" in merchant.fetch("/settings/access").text


def seen(page):
    """When what a page of a property shows was last changed, as its form says it back."""
    return {"seen": re.search(r'name="seen" value="([^"]+)"', page.text)[1]}


def test_what_a_form_adds_to_a_property_in_the_meantime_is_not_lost(merchant, shop, filled):
    path = f"/settings/properties/{filled['skin_need']}"
    page = merchant.fetch(path)
    question = {"type": "radio_buttons", "properties": {
        "property_name": "skin_need", "label": "Skin?",
        "options": [{"label": "Even tone", "value": "tone"}],
    }}  # fmt: skip
    with db.transaction() as session:
        properties.define_from_form(session, shop.id, [question], {})

    said = {"type": "choice", "label-": "Need", "value-0": "hydration"}
    late = merchant.post(path, **said, **seen(page))

    assert (late.status_code, "nothing was saved" in late.text) == (409, True)
    assert 'value="tone"' in late.text
    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    assert (need.source, len(need.options)) == ("form", 5)
    assert merchant.post(path, **said).status_code == 409
    assert toast(merchant.post(path, **said, **seen(late))) == "Saved"


def test_a_property_keeps_its_values_while_it_is_no_choice(merchant, shop, filled):
    path = f"/settings/properties/{filled['skin_need']}"
    text = merchant.post(path, type="text", **seen(merchant.fetch(path)))
    merchant.post(path, type="choice", **seen(text))

    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    assert (need.type, len(need.options)) == ("choice", 4)


def test_the_largest_property_is_saved_in_every_language(merchant, shop, filled):
    path = f"/settings/properties/{filled['skin_need']}"
    languages = ["", "zh-CN", *(f"x{n}" for n in range(19))]
    words = dict.fromkeys(languages, "w")
    made = [{"value": f"v{n}", "labels": words} for n in range(properties.MAX_OPTIONS)]
    properties.save_definition(
        shop.id, filled["skin_need"], "skin_need", "choice", labels=words, options=made
    )
    page = merchant.fetch(path)
    fields = dict.fromkeys(re.findall(r' name="((?:label|value|words)-[^"]*)"', page.text), "w")
    fields |= {f"value-{n}": f"v{n}" for n in range(properties.MAX_OPTIONS)}
    fields |= dict.fromkeys(("value-200", "value-201", "value-202"), "")
    assert len({*fields, "type", "seen"}) == 4489

    saved = merchant.post(path, **{**fields, "type": "choice", **seen(page)})

    assert toast(saved) == "Saved"
    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    assert [each["value"] for each in need.options] == [each["value"] for each in made]
    assert need.options[-1]["labels"] == words


def test_a_property_is_named_typed_and_given_words(merchant, shop, filled):
    made = merchant.post("/settings/properties", name=" favourite  shade ", type="choice")
    assert toast(made) == "Property added"
    path = made.headers["HX-Replace-Url"]

    said = {
        "value-0": "red",
        "words-0-": "Red",
        "words-0-zh-CN": "红",
        "value-1": "",
        "value-2": "x",
    }
    saved = merchant.post(path, **{"type": "choice", "label-": "Shade", **said, **seen(made)})

    assert toast(saved) == "Saved"
    with db.reading() as session:
        shade = definitions_of(session, shop.id)["favourite shade"]
    assert (shade.type, shade.labels) == ("choice", {"": "Shade"})
    assert shade.options == [
        {"value": "red", "labels": {"": "Red", "zh-CN": "红"}},
        {"value": "x", "labels": {}},
    ]
    assert merchant.post(path, type="odd", **seen(saved)).status_code == 422
    again = merchant.post("/settings/properties", name="favourite shade", type="text")
    assert (again.status_code, "Enter a unique name" in again.text) == (422, True)


def test_a_merchant_corrects_what_a_shopper_said(merchant, shop, filled):
    path = f"/audience/profiles/{filled['profile']}"

    wrong = merchant.post(f"{path}/properties", name="skin_need", value="nothing")
    assert (wrong.status_code, "property&#39;s type" in wrong.text) == (422, True)
    right = merchant.post(f"{path}/properties", name="skin_need", value="Fewer blemishes")
    assert toast(right) == "Saved"

    shown = merchant.fetch(path).text
    assert "Fewer blemishes" in shown
    assert "edited by your team" in shown
    assert merchant.post(f"{path}/properties", name="made up", value="x").status_code == 404


def test_the_kinds_of_events_are_listed_with_what_was_not_taken(merchant, shop, filled):
    with db.transaction() as session:
        metrics.count_rejected(session, shop.id, clock.now().date(), "reserved", count=3)

    page = merchant.fetch("/analytics/metrics").text

    assert "Placed Order" in page
    assert "Name reserved for Shopify or Regulars." in page


def test_a_visit_is_one_line_that_unfolds(merchant, filled):
    page = merchant.fetch(f"/audience/profiles/{filled['profile']}?kind=browsing").text

    assert "Visited for 6 minutes" in page
    assert "3 pages · from Instagram (autumn) · Tablet" in page
    assert "€49.50" in page
    assert "First source" in page


def test_a_profile_lists_addresses_before_browsers(merchant, shop, filled):
    with db.transaction() as session:
        known = {"shop_id": shop.id, "profile_id": filled["profile"], "linked_at": clock.now()}
        session.add_all(
            Identity(kind="browser_id", value=f"a-browser-{n}", **known) for n in range(40)
        )

    text = merchant.fetch(f"/audience/profiles/{filled['profile']}").text.split('id="known"')[1]

    assert text.index('"code">maya.okafor@example.com<') < text.index(
        "42 browsers, carts and orders"
    )
    assert text.count("a-browser-") < 40


def test_s02_a_nul_in_what_a_merchant_types_is_left_out(database, shop, client):
    merchant = Merchant(client, shop.domain)
    told = {"name": "Spr\0ing", "prefix": "spring", "kind": "amount", "worth": "7.50"}
    assert merchant.post("/coupons", **told).status_code == 200
    sender = {"sender_name": "Dew\0point", "postal_address": "12 Mill\0 Lane", "language": ""}
    assert merchant.post("/settings", sender_email=shop.sender_email, **sender).status_code == 200

    with db.reading() as session:
        kept = get_shop(session, shop.id)
        assert coupons.coupons_of(session, shop.id)[-1].name == "Spring"
    assert (kept.sender_name, kept.postal_address) == ("Dewpoint", "12 Mill Lane")
