"""The preference page: what a shopper chooses there holds, and a GET changes nothing."""

import json
import re
from collections.abc import Generator
from datetime import datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.consent.preferences import VERSION
from plugin.mailboxes import parse_mailbox
from plugin.messages import links
from plugin.messages.links import Target
from plugin.messages.send import send_messages
from plugin.privacy import requests
from storage import (
    confirmations,
    consent,
    consent_ledger,
    ledger_audit,
    preferences,
    privacy_requests,
    suppressions,
)
from storage.confirmations import ConfirmationKind
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Flow
from storage.messages import Message, MessageState
from storage.preferences import Topic
from storage.profiles import Identity, IdentityKind, Profile, get_profile
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import MAYA, World, build, consent_row
from webhooks.app import routes

PHONE = "+14155550123"


@pytest.fixture
def world(sqlite, shop) -> World:
    made = build(shop)
    with db.transaction() as session:
        for kind, value in (("email", MAYA), ("phone", PHONE)):
            session.add(
                Identity(
                    shop_id=shop.id, kind=kind, value=value, profile_id=made.profile_id,
                    linked_at=clock.now(),
                )
            )  # fmt: skip
        session.add(Topic(shop_id=shop.id, id=1, name="New arrivals"))
        session.add(Topic(shop_id=shop.id, id=2, name="Skin advice", position=1))
    return made


@pytest.fixture
def web(world) -> Generator[TestClient]:
    headers = {"User-Agent": "Mozilla/5.0 Safari", "X-Forwarded-For": "203.0.113.9"}
    app, peer = Starlette(routes=routes()), ("127.0.0.1", 50_000)
    with TestClient(app, headers=headers, client=peer) as client:
        yield client


@pytest.fixture
def path(world: World) -> str:
    """The page's address, as a mail to Maya has it."""
    message_id = world.queue()
    world.change(Message, message_id, address=MAYA, state=MessageState.ACCEPTED)
    return f"/p/{links.make_token(links.PREFERENCES, Target(world.shop.id, message_id))}"


def boxes(page: str) -> dict[str, bool]:
    """Each box by the words beside it, and whether it is ticked."""
    found = re.findall(
        r'name="box" value="\w+"( checked)?>\s*<span>(.*?)<small>', page, flags=re.DOTALL
    )
    return {words: bool(on) for on, words in found}


def form(page: str, **changes: object) -> dict[str, object]:
    """What a browser would send of the page as it stands."""
    sent: dict[str, object] = {
        "box": re.findall(r'name="box" value="(\w+)" checked', page),
        "topic": re.findall(r'name="topic" value="(\w+)" checked', page),
        "frequency": re.search(r'name="frequency" value="(\w+)" checked', page)[1],
        "pause": "keep" if 'value="keep"' in page else "0",
        "language": re.search(r'value="([\w-]+)" lang="[\w-]+" selected', page)[1],
        "do": "save",
    }
    return sent | changes


def state(world: World, channel: str, address: str, purpose: str = "marketing") -> str | None:
    with db.reading() as session:
        held = consent.get_consent(session, world.shop.id, channel, address, purpose=purpose)
    return held.state if held else None


def refused(world: World, **changes: object) -> str:
    message_id = world.queue(**changes)
    send_messages(world.shop.id, [message_id])
    return world.read(message_id).skip_reason


def test_a_request_that_the_page_does_not_know_changes_nothing(web, world, path):
    page = web.get(path).text

    answer = web.post(path, data=form(page, box=[], do="forget")).text

    assert "Your preferences are saved." not in answer
    assert boxes(web.get(path).text) == boxes(page)


def test_a_mail_leads_to_the_page_and_the_way_out_does_too(web, world, relay):
    message_id = world.queue()
    send_messages(world.shop.id, [message_id])
    (mail,) = relay.mails()
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()

    address = re.search(r'href="http[^"]*(/p/[\w-]+)"', html)[1]

    assert address in text
    assert "Your preferences" in web.get(address).text
    way_out = re.search(r'href="http[^"]*(/u/[\w-]+)"', html)[1]
    assert "/p/" in web.get(way_out).text


def test_the_page_shows_what_holds_and_no_whole_number(web, path):
    page = web.get(path).text

    assert boxes(page) == {
        "By email": True,
        "By text message": False,
        "About my orders, by text message": True,
    }
    assert MAYA in page
    assert PHONE not in page
    assert "•••0123" in page


def test_nothing_changes_by_looking(web, world, path):
    with db.reading() as session:
        before = consent.ledger_of(session, world.shop.id, [("email", MAYA)])
    for _ in range(20):
        assert web.get(path).status_code == web.head(path).status_code == 200

    with db.reading() as session:
        assert consent.ledger_of(session, world.shop.id, [("email", MAYA)]) == before
        assert preferences.get_preference(session, world.shop.id, "email", MAYA) is None


def test_saving_the_page_as_it_is_says_nothing_new(web, world, path):
    page = web.get(path).text

    assert "Your preferences are saved." in web.post(path, data=form(page)).text

    with db.reading() as session:
        assert len(consent.ledger_of(session, world.shop.id, [("email", MAYA)])) == 1


def test_a_box_is_a_word_in_the_ledger_with_its_proof(web, world, path, relay):
    page = web.get(path).text
    every = re.findall(r'name="box" value="(\w+)"', page)

    page = web.post(path, data=form(page, box=every[1:2])).text

    assert state(world, "email", MAYA) == "unsubscribed"
    assert state(world, "sms", PHONE) == "subscribed"
    assert state(world, "sms", PHONE, "transactional") == "unsubscribed"
    with db.reading() as session:
        told = consent.ledger_of(session, world.shop.id, [("sms", PHONE)])
        entry = next(e for e in told if e.purpose == "marketing")
        assert list(ledger_audit.violations_of(session, world.shop.id)) == []
    assert entry.disclosure == (
        "News and offers: By text message. Message and data rates may apply. Reply STOP to end."
    )
    assert (entry.source, entry.method, entry.form_version) == ("preferences", "checkbox", VERSION)
    assert entry.ip == "203.0.113.9"
    assert entry.user_agent == "Mozilla/5.0 Safari"
    assert entry.page.endswith("/p")
    assert refused(world) == "unsubscribed"
    web.post(path, data=form(page, box=every))
    assert state(world, "email", MAYA) == "subscribed"


def test_one_button_ends_everything_but_news_of_orders(web, world, path):
    page = web.get(path).text
    every = re.findall(r'name="box" value="(\w+)"', page)
    page = web.post(path, data=form(page, box=every)).text

    done = web.post(path, data=form(page, do="none")).text
    assert "You are unsubscribed. You will get no more marketing." in done

    assert state(world, "email", MAYA) == state(world, "sms", PHONE) == "unsubscribed"
    assert state(world, "sms", PHONE, "transactional") is None


def test_unsubscribing_from_all_covers_every_channel_and_is_written_once(web, world, path):
    assert state(world, "sms", PHONE) is None
    web.post(path, data=form(web.get(path).text, do="none"))
    assert state(world, "sms", PHONE) == "unsubscribed"

    page = web.post(path, data=form(web.get(path).text, do="none")).text

    with db.reading() as session:
        (no,) = consent.ledger_of(session, world.shop.id, [("sms", PHONE)])
    assert (no.source, no.purpose) == ("preferences", "marketing")
    assert (no.method, no.disclosure) == ("button", "Unsubscribe from all")
    assert "By Viber" not in page, "no box for what the shop never asked about"


OTHER_MAIL, OTHER_PHONE, DEVICE = "maya@work.example", "+14155550177", "device-1"
EVERYWHERE = [
    *(("email", address) for address in (MAYA, OTHER_MAIL)),
    *(
        (channel, phone)
        for phone in (PHONE, OTHER_PHONE)
        for channel in ("sms", "whatsapp", "rcs", "viber", "voice")
    ),
    ("push", DEVICE),
]


def know(world: World, *known: tuple[str, str]) -> None:
    with db.transaction() as session:
        for kind, value in known:
            session.add(
                Identity(
                    shop_id=world.shop.id, kind=kind, value=value, profile_id=world.profile_id,
                    linked_at=clock.now(),
                )
            )  # fmt: skip


def agree(world: World, places: list[tuple[str, str]], *, at: datetime, source: str) -> None:
    with db.transaction() as session:
        consent.record_consent(
            session,
            [
                {
                    "shop_id": world.shop.id, "id": (entry := new_id()), "dedupe_key": str(entry),
                    "channel": channel, "address": address, "state": "subscribed",
                    "occurred_at": at, "recorded_at": clock.now(), "source": source,
                }
                for channel, address in places
            ],
        )  # fmt: skip


def test_unsubscribing_from_all_means_every_address_on_every_channel(merchant, web, world, path):
    know(world, ("email", OTHER_MAIL), ("phone", OTHER_PHONE), (IdentityKind.PUSH, DEVICE))
    agree(world, EVERYWHERE, at=clock.now() - timedelta(days=1), source="form")

    web.post(path, data=form(web.get(path).text, do="none"))

    assert {place: state(world, *place) for place in EVERYWHERE} == dict.fromkeys(
        EVERYWHERE, "unsubscribed"
    )
    agree(world, EVERYWHERE, at=clock.now() + timedelta(days=1), source="import")
    assert {state(world, *place) for place in EVERYWHERE} == {"unsubscribed"}, "no file undoes it"
    shown = merchant.open(f"/audience/profiles/{world.profile_id}").text
    for _, address in EVERYWHERE:
        assert f'<span class="address">{address}</span>' in shown
    assert shown.count('<span class="badge quiet">Unsubscribed') == len(EVERYWHERE)


TYPED = "+12125550177"


def agree_by_form(world: World, *, profile_id: int | None) -> None:
    """Record the ticked box beside a number that a form does not link to anyone."""
    with db.transaction() as session:
        row = consent_row(world.shop.id, "subscribed", TYPED)
        consent.record_consent(session, [row | {"channel": "sms", "profile_id": profile_id}])


def test_a_number_that_was_only_typed_is_shown_and_ends_with_everything(merchant, web, world, path):
    agree_by_form(world, profile_id=world.profile_id)
    page = web.get(path).text
    assert "•••0177" in page
    assert TYPED not in page

    web.post(path, data=form(page, do="none"))

    assert state(world, "sms", TYPED) == "unsubscribed"
    with db.reading() as session:
        newest = consent.ledger_of(session, world.shop.id, [("sms", TYPED)])[0]
    assert (newest.source, newest.method) == ("preferences", "button")
    shown = merchant.open(f"/audience/profiles/{world.profile_id}").text
    assert f'<span class="address">{TYPED}</span>' in shown
    assert "Subscribed · SMS" in shown
    assert TYPED in merchant.fetch(f"/audience/profiles/{world.profile_id}/proof?as=csv").text
    assert "•••0177" not in web.get(path).text, "who typed a number cannot agree for it again"


def test_a_typed_number_takes_no_tick_once_its_owner_said_no(web, world, path):
    agree_by_form(world, profile_id=world.profile_id)
    every = re.findall(r'name="box" value="(\w+)"', page := web.get(path).text)
    with db.transaction() as session:
        said = consent_row(world.shop.id, "unsubscribed", TYPED) | {"channel": "sms"}
        consent.record_consent(session, [said])

    web.post(path, data=form(page, box=every))

    assert state(world, "sms", TYPED) == "unsubscribed"


def test_a_number_that_another_typed_is_no_business_of_theirs(merchant, web, world, path):
    agree_by_form(world, profile_id=None)

    web.post(path, data=form(web.get(path).text, do="none"))
    merchant.post(f"/audience/profiles/{world.profile_id}/unsubscribe")

    assert state(world, "sms", TYPED) == "subscribed"


def test_the_stores_button_ends_texts_to_a_typed_number_too(merchant, world):
    agree_by_form(world, profile_id=world.profile_id)

    merchant.post(f"/audience/profiles/{world.profile_id}/unsubscribe")

    assert state(world, "sms", TYPED) == "unsubscribed"


def test_unsubscribing_from_all_stops_nothing_about_orders(web, world, path):
    know(world, ("email", OTHER_MAIL), ("phone", OTHER_PHONE))

    web.post(path, data=form(web.get(path).text, do="none"))

    assert {state(world, *place, purpose="transactional") for place in EVERYWHERE} == {None}


def test_one_click_ends_mail_to_its_address_and_leads_to_all_other_choices(web, world, path):
    know(world, ("email", OTHER_MAIL))
    agree(world, EVERYWHERE[:3], at=clock.now() - timedelta(days=1), source="form")
    one_click = (
        f"/u/{links.make_token(links.UNSUBSCRIBE, links.read_token(links.PREFERENCES, path[3:]))}"
    )

    page = web.post(one_click, data={"List-Unsubscribe": "One-Click"}).text

    assert [state(world, *place) for place in EVERYWHERE[:3]] == [
        "unsubscribed", "subscribed", "subscribed"
    ]  # fmt: skip
    web.post(re.search(r'href="http[^"]*(/p/[\w-]+)"', page)[1], data={"do": "none"})
    assert {state(world, *place) for place in EVERYWHERE[:3]} == {"unsubscribed"}


def test_a_break_holds_marketing_back_until_it_is_over(web, world, path, monkeypatch, relay):
    page = web.post(path, data=form(web.get(path).text, pause="3")).text
    assert "Paused until" in page
    assert refused(world) == "paused"
    assert refused(world, transactional=True) == ""

    web.post(path, data=form(page))  # kept as it is
    assert refused(world) == "paused"

    later = clock.now() + timedelta(days=91)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert refused(world) == ""


def test_once_a_week_is_once_a_week(web, world, path, relay, monkeypatch):
    web.post(path, data=form(web.get(path).text, frequency="weekly"))

    assert [refused(world), refused(world)] == ["", "frequency"]
    later = clock.now() + timedelta(days=7, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert refused(world) == ""


def test_a_flow_on_a_declined_topic_sends_nothing(web, world, path, relay):
    world.change(Flow, world.flow_id, topic_id=2)
    assert refused(world) == ""

    page = web.post(path, data=form(web.get(path).text, topic=["1"])).text

    assert refused(world) == "topic"
    assert re.findall(r'name="topic" value="(\d)"( checked)?', page) == [
        ("1", " checked"), ("2", "")
    ]  # fmt: skip
    world.change(Flow, world.flow_id, topic_id=1)
    assert refused(world) == ""


@pytest.mark.parametrize("how", ["box", "button"])
def test_an_unsubscribe_on_the_page_counts_for_the_mail_that_led_there(web, world, path, how):
    message_id = links.read_token(links.PREFERENCES, path[3:]).message_id
    page = web.get(path).text
    web.post(path, data=form(page))
    assert world.read(message_id).unsubscribed_at is None

    web.post(path, data=form(page, box=[]) if how == "box" else form(page, do="none"))

    first = world.read(message_id).unsubscribed_at
    assert first is not None
    web.post(path, data=form(web.get(path).text, do="none"))
    assert world.read(message_id).unsubscribed_at == first


def test_a_language_chosen_on_the_page_says_so_on_the_profile(merchant, web, world, path):
    web.post(path, data=form(web.get(path).text, language="zh-CN"))

    shown = merchant.open(f"/audience/profiles/{world.profile_id}").text
    assert "chosen on the preference page" in shown
    assert "from Shopify" not in shown


def test_the_shoppers_language_is_saved(web, world, path):
    page = web.post(path, data=form(web.get(path).text, language="zh-CN")).text

    assert '<html lang="zh-CN" dir="ltr">' in page
    assert "您的偏好设置已保存。" in page
    with db.reading() as session:
        assert get_profile(session, world.shop.id, world.profile_id).locale == "zh-CN"


def work(world: World) -> None:
    """What the clock and the workers do for requests by law."""
    with db.transaction() as session:
        due = privacy_requests.claim_due(session, clock.now() + timedelta(seconds=5), 100)
    for shop_id, request_id in due:
        requests.run_requests(shop_id, [request_id])


def mailed(world: World, relay: Relay, kind: str) -> str:
    """Return the URL of the button in the one mail that a request of a kind sent."""
    with db.reading() as session:
        (ask,) = confirmations.requests_of(session, world.shop.id, kind, parse_mailbox(MAYA))
    send_messages(world.shop.id, [ask.id])
    *_, mail = relay.mails()
    assert MAYA in mail["To"]
    html = mail.get_body(("html",)).get_content()
    return str(re.search(r'href="http[^"]*(/a/[\w-]+)"', html)[1])


def test_a_data_export_comes_through_the_shoppers_mailbox_alone(
    web, world, path, relay, monkeypatch
):
    page = web.post(path, data={"do": "data_export"}).text
    assert "Check your inbox" in page
    assert "skin_need" not in page
    work(world)

    button = mailed(world, relay, ConfirmationKind.DATA_EXPORT)

    assert "Download" in web.get(button).text
    file = web.post(button)
    assert file.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert json.loads(file.content)["tables"]["profile"][0]["email"] == MAYA
    now = clock.now()
    for minutes, status in ((10, 200), (14, 200), (16, 410)):  # a download may break off
        monkeypatch.setattr(clock, "now", lambda after=minutes: now + timedelta(minutes=after))
        assert web.post(button).status_code == status
    web.post(path, data={"do": "data_export"})
    with db.reading() as session:
        assert (
            len(
                confirmations.requests_of(
                    session, world.shop.id, ConfirmationKind.DATA_EXPORT, MAYA
                )
            )
            == 1
        ), "once a day"


def test_who_asks_to_be_forgotten_confirms_it_by_mail(web, world, path, relay):
    web.post(path, data={"do": "redact"})
    button = mailed(world, relay, ConfirmationKind.REDACT)
    for _ in range(5):
        assert "Delete my data" in web.get(button).text
    assert state(world, "email", MAYA) == "subscribed"

    assert "Your data is being deleted" in web.post(button).text
    work(world)

    assert state(world, "email", MAYA) is None
    with db.reading() as session:
        assert session.get(Profile, (world.shop.id, world.profile_id)) is None
        assert suppressions.suppressed_addresses(session, world.shop.id, [("email", MAYA)])
        assert not consent_ledger.ends_of(session, world.shop.id, [("email", MAYA)])
    assert web.get(path).status_code == 404


@pytest.mark.parametrize("door", ["p", "a"])
def test_a_forged_link_leads_nowhere(web, world, door):
    message_id = world.queue()
    wrong = links.make_token(links.UNSUBSCRIBE, Target(world.shop.id, message_id))
    for token in (wrong, wrong[:-1], "x" * 43):
        assert web.get(f"/{door}/{token}").status_code == 404
        assert web.post(f"/{door}/{token}", data={"do": "none"}).status_code == 404
