import re
from collections.abc import Generator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.channels import registry
from plugin.messages.send import send_messages
from storage import consent
from storage.channels import Channel
from storage.consent_ledger import ConsentPurpose, ConsentState
from storage.engine import db
from storage.events import timeline
from storage.messages import Message
from storage.profiles import Profile
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import MAYA, World, build, consent_row
from webhooks import links

BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1"}
SCANNERS = ["", "curl/8.5", "Googlebot/2.1", "python-httpx/0.28", "Mimecast-URL-Protect", "Wget/1"]


@pytest.fixture
def world(sqlite: str, shop: Shop) -> World:
    return build(shop)


@pytest.fixture
def web() -> Generator[TestClient]:
    behind_tls = {**BROWSER, "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}  # the first is a lie
    app = Starlette(routes=links.routes())
    with TestClient(app, headers=behind_tls, client=("127.0.0.1", 50_000)) as client:
        client.follow_redirects = False
        yield client


class Sent:
    """A mail that arrived, and what stands in it."""

    def __init__(self, world: World, relay: Relay) -> None:
        self.id = world.queue()
        self.world = world
        send_messages(world.shop.id, [self.id])
        (mail,) = relay.mails()
        html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
        found = dict.fromkeys(re.findall(r'(?:href|src)="(http[^"]*/([lou])/[^"]*)"', html))
        self.paths = {
            kind: [urlsplit(u).path for u, k in found if k == kind] for kind in ("l", "o", "u")
        }
        self.way_out = urlsplit(mail["List-Unsubscribe"].strip("<>")).path

    def row(self) -> Message:
        return self.world.read(self.id)

    def events(self, metric: str) -> list[dict[str, object]]:
        with db.reading() as session:
            found = timeline(session, self.world.shop.id, self.world.profile_id, metric=metric)
        return [event.properties for event in found]

    def state(self) -> str | None:
        with db.reading() as session:
            return consent.consent_state(session, self.world.shop.id, "email", MAYA)

    def ledger(self) -> list[consent.ConsentEvent]:
        with db.reading() as session:
            return list(consent.ledger_of(session, self.world.shop.id, [("email", MAYA)]))


@pytest.fixture
def sent(world: World, relay: Relay) -> Sent:
    return Sent(world, relay)


def test_a_click_leads_on_and_is_noted_once_a_minute(web: TestClient, sent: Sent) -> None:
    answers = [web.get(path) for path in sent.paths["l"] * 2]

    assert {a.status_code for a in answers} == {302}
    assert [a.headers["location"] for a in answers[: len(sent.row().links)]] == sent.row().links
    assert sent.row().clicked_at is not None
    assert 2 <= len(sent.events("Clicked Email")) <= 4
    assert "set-cookie" not in answers[0].headers


def test_a_click_leads_on_where_the_database_is_too_busy_to_note_it(
    web: TestClient, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 50)
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
        busy = web.get(sent.paths["l"][0])

    assert (busy.status_code, busy.headers["location"]) == (302, sent.row().links[0])
    assert sent.events("Clicked Email") == []
    web.get(sent.paths["l"][0])
    assert len(sent.events("Clicked Email")) == 1


def test_no_opens_are_counted_of_who_refuses_open_tracking(
    web: TestClient, world: World, relay: Relay
) -> None:
    before = Sent(world, relay)
    with db.transaction() as session:
        row = consent_row(world.shop.id, ConsentState.UNSUBSCRIBED, MAYA)
        consent.record_consent(session, [row | {"purpose": ConsentPurpose.OPEN_TRACKING}])
    relay.kept.clear()
    after = Sent(world, relay)

    assert web.get(before.paths["o"][0]).status_code == 200
    assert (before.row().opened_at, before.events("Opened Email")) == (None, [])
    assert (after.paths["o"], bool(after.paths["l"])) == ([], True)
    assert after.state() == "subscribed"


def test_links_of_a_removed_channel_still_work(
    web: TestClient, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry.CHANNELS, Channel.EMAIL)

    assert web.get(sent.paths["l"][0]).status_code == 302
    assert web.get(sent.paths["o"][0]).status_code == 200
    assert web.get(sent.paths["u"][0]).status_code == 200
    assert web.post(sent.way_out, data={"List-Unsubscribe": "One-Click"}).status_code == 200

    row = sent.row()
    assert row.clicked_at
    assert row.opened_at
    assert sent.state() == "unsubscribed"


@pytest.mark.parametrize("agent", SCANNERS)
def test_l18_scanners_are_led_on_and_do_not_count(web: TestClient, sent: Sent, agent: str) -> None:
    answers = [web.get(sent.paths["l"][0], headers={"User-Agent": agent})]
    answers.append(web.head(sent.paths["l"][0]))

    assert [a.status_code for a in answers] == [302, 302]
    assert sent.row().clicked_at is None
    assert sent.events("Clicked Email") == []


def test_opens_are_noted_and_machines_are_told_apart(web: TestClient, sent: Sent) -> None:
    (path,) = sent.paths["o"]
    dot = web.get(path, headers={"User-Agent": "Mozilla/5.0"})
    assert dot.headers["content-type"] == "image/gif"
    assert dot.content[:6] == b"GIF89a"
    assert sent.row().opened_at is None
    assert [event["machine"] for event in sent.events("Opened Email")] == [True]

    web.get(path)
    assert sent.row().opened_at is not None
    assert sorted(bool(event["machine"]) for event in sent.events("Opened Email")) == [False, True]


def test_l15_looking_at_the_way_out_changes_nothing(web: TestClient, sent: Sent) -> None:
    for _ in range(50):
        assert web.get(sent.way_out).status_code == 200
        assert web.head(sent.way_out).status_code == 200

    assert sent.state() == "subscribed"
    assert len(sent.ledger()) == 1


def test_l15_one_click_unsubscribes_without_cookies_or_redirects(
    web: TestClient, sent: Sent
) -> None:
    answer = web.post(sent.way_out, data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert sent.state() == "unsubscribed"
    entry = sent.ledger()[0]
    assert (entry.source, entry.disclosure) == ("one-click", "List-Unsubscribe=One-Click")
    assert (entry.ip, entry.user_agent) == ("203.0.113.9", BROWSER["User-Agent"])
    assert sent.row().unsubscribed_at is not None
    assert len(sent.events("Unsubscribed")) == 1


def test_l15_one_click_may_come_as_multipart_too(web: TestClient, sent: Sent) -> None:
    answer = web.post(sent.way_out, files={"List-Unsubscribe": (None, "One-Click")})

    assert (answer.status_code, sent.state()) == (200, "unsubscribed")
    assert sent.ledger()[0].source == "one-click"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"list-unsubscribe=one-click"),
        ("application/x-www-form-urlencoded", b"List-Unsubscribe%3DOne-Click"),
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=" + b"x" * 5_000),
        ("application/x-www-form-urlencoded", b"%ff%00=\xff&" * 80),
        ("multipart/form-data", b"--a\r\n\r\n--a--"),
        ("multipart/form-data; boundary=a", b"--b\r\nbroken"),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data\r\n\r\n1\r\n"),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
        ("text/plain", b"List-Unsubscribe=One-Click"),
        ("nonsense", b"\x00\xff"),
    ],
)
def test_l15_a_damaged_one_click_body_still_unsubscribes(
    web: TestClient, sent: Sent, content_type: str, body: bytes
) -> None:
    answer = web.post(sent.way_out, content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, sent.state()) == (200, "unsubscribed")
    assert sent.ledger()[0].source == "one-click"


def test_l15_a_one_click_without_content_type_still_unsubscribes(
    web: TestClient, sent: Sent
) -> None:
    assert web.post(sent.way_out).status_code == 200

    assert sent.state() == "unsubscribed"


def test_l15_a_one_click_with_a_wrong_signature_changes_nothing(
    web: TestClient, sent: Sent
) -> None:
    forged = sent.way_out[:-1] + ("A" if sent.way_out[-1] != "A" else "B")

    assert web.post(forged, data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert sent.state() == "subscribed"


def test_the_button_unsubscribes_and_the_words_are_kept(web: TestClient, sent: Sent) -> None:
    assert sent.paths["u"] == [sent.way_out]
    page = web.get(sent.way_out)
    assert "Unsubscribe from our emails?" in page.text
    assert "Dewpoint" in page.text
    answer = web.post(sent.way_out, data={"do": "unsubscribe"})

    assert "You are unsubscribed" in answer.text
    assert "Subscribe again" in answer.text
    entry = sent.ledger()[0]
    assert (entry.source, entry.disclosure) == ("link", "Unsubscribe from our emails? Unsubscribe")


def test_twice_is_a_no_op_and_there_is_a_way_back(web: TestClient, sent: Sent) -> None:
    for _ in range(2):
        web.post(sent.way_out, data={"do": "unsubscribe"})
    assert len(sent.ledger()) == 2
    assert web.post(sent.way_out, data={"do": "subscribe"}).status_code == 200

    assert sent.state() == "subscribed"
    assert sent.ledger()[0].disclosure == "Subscribe again"
    assert "Unsubscribe from our emails?" in web.get(sent.way_out).text


def test_the_way_out_holds_against_a_clock_that_is_ahead(
    web: TestClient, world: World, sent: Sent
) -> None:
    with db.transaction() as session:
        ahead = consent_row(world.shop.id, ConsentState.SUBSCRIBED, MAYA)
        later = clock.now() + timedelta(minutes=2)
        consent.record_consent(session, [ahead | {"dedupe_key": "ahead", "occurred_at": later}])

    web.post(sent.way_out, data={"List-Unsubscribe": "One-Click"})

    assert sent.state() == "unsubscribed"
    web.post(sent.way_out, data={"do": "subscribe"})
    assert sent.state() == "subscribed"


def test_the_next_message_is_refused_at_once(web: TestClient, sent: Sent) -> None:
    web.post(sent.way_out, data={"List-Unsubscribe": "One-Click"})
    again = sent.world.queue()
    send_messages(sent.world.shop.id, [again])

    assert sent.world.read(again).skip_reason == "unsubscribed"


def test_the_page_speaks_the_shoppers_language(web: TestClient, world: World, relay: Relay) -> None:
    world.change(Profile, world.profile_id, locale="zh-CN")
    page = web.get(Sent(world, relay).way_out).text

    assert 'lang="zh-CN"' in page
    assert "要退订我们的邮件吗？" in page


@pytest.mark.parametrize("path", ["/l/x", "/o/x.gif", "/u/x", "/l/" + "A" * 43, "/u/" + "A" * 43])
def test_s21_s22_what_we_did_not_sign_is_lost_politely(
    web: TestClient, sent: Sent, path: str
) -> None:
    answer = web.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9"})

    assert answer.status_code == 404
    assert "此链接无效" in answer.text
    assert "location" not in answer.headers


def test_s22_a_click_token_is_no_way_out(web: TestClient, sent: Sent) -> None:
    token = sent.paths["l"][0].rpartition("/")[2]

    assert web.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert sent.state() == "subscribed"
