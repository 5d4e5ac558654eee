"""The popup's way in: signed by Shopify's proxy, checked field by field, kept with its proof."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.forms import library
from plugin.texts import translations
from storage import consent, flows, forms, lists, profiles
from storage.engine import db
from storage.forms import OptIn
from storage.shops import get_shop
from storage.write_backs import WriteBack
from webhooks.app import routes

GOOD = {
    "version": 1,
    "answers": {"skin_need": "hydration"},
    "email": "maya@example.com",
    "phone": "",
    "consent": {"email": True, "sms": False},
    "page": "http://127.0.0.1:8001/",
    "locale": "en",
    "browser_id": "b-1",
    "cart_token": None,
    "elapsed_ms": 9000,
    "website": "",
}


@pytest.fixture
def client(form_id):
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


def signed(path: str, shop: str = "dewpoint.myshopify.com", at: float | None = None, **more) -> str:
    params = {
        "shop": shop,
        "path_prefix": "/apps/regulars",
        "timestamp": str(int(at or time.time())),
        "logged_in_customer_id": "",
        **more,
    }
    text = "".join(sorted(f"{k}={v}" for k, v in params.items()))
    mac = hmac.new(
        b"a client secret of 32 bytes for tests", text.encode(), hashlib.sha256
    ).hexdigest()
    return f"{path}?{urlencode({**params, 'signature': mac})}"


def answer(client, form_id: int, **changes):
    url = signed(f"/proxy/forms/{form_id}/submit")
    return client.post(url, json={**GOOD, **changes})


def test_a_submission_becomes_a_profile_with_answer_consent_and_proof(
    client, form_id, shop, broker
):
    url = signed(f"/proxy/forms/{form_id}/submit")
    headers = {"User-Agent": "Firefox", "X-Forwarded-For": "203.0.113.9, 198.51.100.1"}

    assert client.post(url, json=GOOD, headers=headers).json() == {"ok": True}

    with db.reading() as session:
        known = profiles.find_identities(
            session, shop.id, [("email", "maya@example.com"), ("browser_id", "b-1")]
        )
        assert len(set(known.values())) == 1
        profile = profiles.get_profile(session, shop.id, known["email", "maya@example.com"])
        assert profile.properties == {"skin_need": "hydration"}
        (proof,) = consent.ledger_of(session, shop.id, [("email", "maya@example.com")])
        (enrolment,) = flows.enrolments_of(session, shop.id, profile.id)
        assert lists.memberships_of(session, shop.id, profile.id)
    assert proof.state == "subscribed"
    assert "You can unsubscribe at any time" in proof.disclosure
    assert (proof.ip, proof.user_agent) == ("203.0.113.9", "Firefox")
    assert (proof.page, proof.form_id, proof.form_version) == (GOOD["page"], form_id, 1)
    assert enrolment.state == "waiting"
    assert broker.queues["advance"].qsize() == 1


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"answers": {"skin_need": "world peace"}}, "skin_need", "choose one"),
        ({"answers": {}}, "skin_need", "choose one"),
        ({"answers": {"skin_need": ["hydration"]}}, "skin_need", "choose one"),
        ({"answers": "x"}, "skin_need", "choose one"),
        ({"email": "maya@"}, "email", "complete email"),
        ({"email": None}, "email", "complete email"),
        ({"email": "a" * 300 + "@example.com"}, "email", "complete email"),
        ({"email": "maya@example.com\r\nBcc: x@example.com"}, "email", "complete email"),
        ({"phone": "12"}, "phone", "country code"),
        ({"website": "http://spam.example"}, "website", "leave this field empty"),
        ({"email": "x", "locale": "zh-CN"}, "email", "邮箱"),
    ],
)
def test_what_will_not_do_is_422_with_a_message_for_its_field(
    client, form_id, shop, changes, field, message
):
    response = answer(client, form_id, **changes)

    assert response.status_code == 422
    assert message in response.json()["errors"][field]
    with db.reading() as session:
        assert profiles.count_profiles(session, shop.id) == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"x"', b"[" * 5000])
def test_a_body_that_is_no_object_is_422(client, form_id, body):
    url = signed(f"/proxy/forms/{form_id}/submit")

    assert client.post(url, content=body).status_code == 422


def test_a_body_over_the_limit_is_413(client, form_id):
    url = signed(f"/proxy/forms/{form_id}/submit")

    assert client.post(url, content=b"x" * 20_000).status_code == 413


def test_texts_are_allowed_only_with_a_number_and_a_tick(client, form_id, shop):
    answer(client, form_id, phone="+1 415 555 0132", consent={"email": True, "sms": False})
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "sms", "+14155550132") is None

    answer(client, form_id, phone="+1 415 555 0132", consent={"email": True, "sms": True})
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "sms", "+14155550132") == "subscribed"
        (proof,) = consent.ledger_of(session, shop.id, [("sms", "+14155550132")])
    assert "Reply STOP" in proof.disclosure


def test_answering_twice_welcomes_once(client, form_id, shop, broker):
    answer(client, form_id)
    answer(client, form_id)

    assert broker.queues["advance"].qsize() == 1


def test_a_browser_of_one_shopper_merges_no_other_into_them(client, form_id, shop):
    answer(client, form_id)
    answer(client, form_id, email="someone@example.com")

    with db.reading() as session:
        assert profiles.count_profiles(session, shop.id) == 2


def test_a_form_comes_in_the_shoppers_language(client, form_id):
    chinese = client.get(signed(f"/proxy/forms/{form_id}", locale="zh-TW"))

    assert "补水保湿" in json.dumps(chinese.json(), ensure_ascii=False)
    assert "hydration" in chinese.text
    assert "More hydration" in client.get(signed(f"/proxy/forms/{form_id}", locale="fr")).text


def test_every_text_of_the_ready_form_has_its_chinese():
    said = [text for text in strings(library.FORMS[library.STARTER].version()) if " " in text]
    chinese = translations(said)["zh-CN"]

    assert said
    assert [text for text in said if text not in chinese and text not in NAMES] == []


NAMES = {"Welcome popup", "+1 415 555 0132"}


def strings(node):
    if isinstance(node, dict):
        return [text for value in node.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []


def test_a_form_that_is_off_is_404_and_a_view_of_it_counts_nothing(client, form_id, shop):
    library.set_status(shop.id, form_id, False)

    assert client.get(signed(f"/proxy/forms/{form_id}")).status_code == 404
    assert answer(client, form_id).status_code == 404
    assert client.post(signed(f"/proxy/forms/{form_id}/view"), json={}).status_code == 204
    with db.reading() as session:
        assert forms.form_totals(session, shop.id, forms.date.min) == {}


def test_views_and_submissions_are_counted(client, form_id, shop):
    for _ in range(3):
        client.post(signed(f"/proxy/forms/{form_id}/view"), json={"version": 1})
    answer(client, form_id)

    with db.reading() as session:
        totals = forms.form_totals(session, shop.id, forms.date.min)
    assert totals == {form_id: {"viewed": 3, "submitted": 1}}


@pytest.mark.parametrize("number", ["9" * 18, "9" * 19, "9" * 30, "9" * 5_000])
def test_s29_a_number_that_is_no_forms_is_not_found(client, number):
    assert client.get(signed(f"/proxy/forms/{number}")).status_code == 404


@pytest.mark.parametrize("field", ["page", "browser_id", "cart_token", "locale"])
def test_s29_odd_text_from_a_browser_is_taken_without_it(client, form_id, field):
    body = json.dumps({**GOOD, field: "a\x00\ud800b"})
    path = signed(f"/proxy/forms/{form_id}/submit")

    assert client.post(path, content=body).json() == {"ok": True}


def test_answers_are_written_to_the_customer_if_the_merchant_wants_that(client, form_id, shop):
    answer(client, form_id)
    with db.transaction() as session:
        assert "metafield" not in kinds(session, shop)
        get_shop(session, shop.id).write_form_answers = True

    answer(client, form_id)

    with db.reading() as session:
        held = {row.kind: row for row in rows_to_write(session, shop)}
    assert (held["metafield"].name, held["metafield"].value) == ("skin_need", "hydration")
    assert (held["email"].name, held["email"].value) == ("maya@example.com", "subscribed")


def rows_to_write(session, shop):
    return session.exec(select(WriteBack).where(WriteBack.shop_id == shop.id)).all()


def kinds(session, shop):
    return {row.kind for row in rows_to_write(session, shop)}


def test_a_browser_that_may_only_be_counted_is_nobodys(client, form_id, shop):
    assert answer(client, form_id, browser_id="analytics:b-1").status_code == 200

    with db.reading() as session:
        assert not profiles.find_identities(session, shop.id, [("browser_id", "analytics:b-1")])


def say_who(client, browser, customer="77", **headers):
    url = signed("/proxy/identify", logged_in_customer_id=customer)
    answer = client.post(url, json={"browser_id": browser}, headers=headers)
    assert answer.status_code == 204


def whose(shop, *keys):
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, keys)
    return [found.get(key) for key in keys]


def test_a_browser_is_its_logged_in_customers_by_shopifys_word(client, form_id, shop):
    say_who(client, "b-7")

    browser, customer = whose(shop, ("browser_id", "b-7"), ("customer_id", "77"))
    assert browser == customer is not None


@pytest.mark.parametrize(
    ("browser", "customer", "headers"),
    [
        ("b-7", "", {}),
        ("b-7", "77", {"Sec-GPC": "1"}),
        ("b-7", "77", {"Content-Type": "text/plain"}),
        ("analytics:b-7", "77", {}),
        ("", "77", {}),
        ("x" * 500, "77", {}),
    ],
)
def test_a_browser_is_linked_only_by_shopify_and_with_consent(
    client, form_id, shop, browser, customer, headers
):
    say_who(client, browser, customer, **headers)

    assert whose(shop, ("browser_id", "b-7"), ("customer_id", "77")) == [None, None]


def test_s15_a_shared_browser_stays_with_its_first_shopper(client, form_id, shop):
    answer(client, form_id)  # maya@example.com, at b-1
    say_who(client, "b-1")

    maya, browser, customer = whose(
        shop, ("email", "maya@example.com"), ("browser_id", "b-1"), ("customer_id", "77")
    )
    assert (browser, customer) == (maya, None)


def test_an_unsigned_identification_is_refused(client, form_id, shop):
    assert client.post("/proxy/identify", json={"browser_id": "b-7"}).status_code == 401


def test_a_mistyped_address_is_asked_about_once_and_never_refused(client, form_id, shop):
    asked = answer(client, form_id, email="kim@gmial.com", sure="")
    assert asked.status_code == 422
    assert asked.json()["suggested"] == "kim@gmail.com"
    assert "Did you mean" in asked.json()["errors"]["email"]
    assert "您是不是" in answer(
        client, form_id, email="kim@gmial.com", sure="", locale="zh-CN"
    ).json()["errors"]["email"]  # fmt: skip

    taken = answer(client, form_id, email="Kim@gmial.com", sure=" Kim@gmial.com")
    assert taken.json() == {"ok": True}
    # a popup that was loaded before this one cannot ask
    assert answer(client, form_id, email="lee@gmial.com").json() == {"ok": True}


def test_who_must_confirm_hears_so(client, form_id, shop):
    with db.transaction() as session:
        form = forms.get_form(session, shop.id, form_id)
        form.opt_in = OptIn.DOUBLE_OPT_IN
        session.add(form)
    strange = answer(client, form_id).json()
    with db.transaction() as session:
        form = forms.get_form(session, shop.id, form_id)
        form.opt_in = OptIn.BY_COUNTRY
        session.add(form)

    assert strange["ok"]
    assert strange["title"] == "Please confirm your address"
    assert "title" in answer(client, form_id, email="li@example.com", country="DE").json()
    assert answer(client, form_id, email="lo@example.com", country="US").json() == {"ok": True}
