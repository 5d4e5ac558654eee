"""S34: a shop writes from no address that it has not shown to be its own, at whichever shop's
relay, and its proof is no other shop's.
"""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from plugin import clock, onboard
from plugin.jobs import run_slice
from plugin.messages import links, sender_proofs
from plugin.messages.links import Target
from plugin.messages.send import send_messages
from plugin.messages.sender import MailSender, choose_sender, proof_of
from plugin.runtime.web import build_app
from plugin.settings import Settings, get_settings
from storage import senders, shops
from storage.engine import db
from storage.messages import SkipReason
from storage.senders import SenderProof, SenderState
from storage.shops import Shop
from tests.faults.town import free_ports
from tests.plugin.channels.name_server import serving
from tests.plugin.messages.world import World, build
from webhooks.app import routes

OURS, BANK = "mail@regulars.example", "service@bank.example"


@pytest.fixture
def operator(monkeypatch):
    """The operator takes no word for it and has an address of their own."""
    monkeypatch.setenv("REGULARS_TRUST_STORE_EMAIL", "false")
    monkeypatch.setenv("REGULARS_SENDER_EMAIL", OURS)
    get_settings.cache_clear()
    with serving({}) as names:
        monkeypatch.setenv("REGULARS_DNS_SERVERS", names.address)
        get_settings.cache_clear()
        yield names
    get_settings.cache_clear()


@pytest.fixture
def world(sqlite: str, shop: Shop) -> World:
    """A shop with something to send."""
    return build(shop)


@pytest.fixture
def page(shop):
    """What a mail's reader opens."""
    with TestClient(build_app(routes(), https=False)) as client:
        yield client


def take(shop: Shop, address: str) -> Shop:
    """Save an address as a shop's sender, as its settings do."""
    with db.transaction() as session:
        held = shops.get_shop(session, shop.id)
        held.sender_email = address
        session.add(held)
        sender_proofs.ask_for_proof(session, held)
    run_slice(sender_proofs.SLICE_JOB, shop.id)
    return held


def sender_of(shop: Shop) -> MailSender | SkipReason:
    with db.reading() as session:
        return choose_sender(session, shops.get_shop(session, shop.id))


def link_in(mail) -> str:
    (path,) = set(re.findall(r"http://127.0.0.1:8000(/s/[\w-]+)", mail.get_content()))
    return path


def text_of(mail):
    return mail.get_body(("plain",))


def test_s34_a_mail_never_comes_from_an_address_that_was_only_typed(world: World, relay, operator):
    take(world.shop, BANK)
    relay.kept.clear()

    send_messages(world.shop.id, [world.queue()])

    (mail,) = relay.mails()
    assert OURS in mail["From"]
    assert BANK not in mail["From"]
    assert mail["Reply-To"] == BANK


def test_s34_without_an_address_of_the_operators_nothing_goes_out(
    world: World, relay, operator, monkeypatch
):
    monkeypatch.setenv("REGULARS_SENDER_EMAIL", "")
    get_settings.cache_clear()
    take(world.shop, BANK)

    message_id = world.queue()
    send_messages(world.shop.id, [message_id])

    assert relay.mails() == []
    assert world.read(message_id).skip_reason == SkipReason.SENDER_UNPROVEN


def test_s34_a_press_of_the_button_in_a_mail_to_it_proves_it(shop, relay, operator, page):
    take(shop, "hello@shop.example")
    (mail,) = relay.mails()
    assert (mail["To"], OURS in mail["From"]) == ("hello@shop.example", True)
    assert "dewpoint.myshopify.com" in text_of(mail).get_content()
    assert mail["List-Unsubscribe"] is None
    link = link_in(text_of(mail))

    assert page.get(link).status_code == 200
    page.head(link)
    assert sender_of(shop).address == OURS  # scanners open links

    assert page.post(link).status_code == 200
    assert sender_of(shop) == MailSender("hello@shop.example")
    assert page.post(link).status_code == 410


def test_s34_a_link_is_good_for_seven_days_and_for_its_own_shop(
    shop, relay, operator, page, monkeypatch
):
    take(shop, "hello@shop.example")
    with db.reading() as session:
        row = senders.get_sender(session, shop.id, "hello@shop.example")
    foreign = links.sender_url(Target(shop.id + 1, row.id)).removeprefix("http://127.0.0.1:8000")
    other_use = links.confirmation_url(Target(shop.id, row.id)).replace("/a/", "/s/")
    assert page.post(foreign).status_code == 404
    assert page.post(other_use.removeprefix("http://127.0.0.1:8000")).status_code == 404
    late = clock.now() + timedelta(days=7, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: late)

    link = link_in(text_of(relay.mails()[0]))

    assert page.get(link).status_code == 410
    assert page.post(link).status_code == 410
    assert sender_of(shop).address == OURS


def test_s34_one_shops_proven_address_is_no_other_shops(shop, relay, operator, page):
    take(shop, "hello@shop.example")
    page.post(link_in(text_of(relay.mails()[0])))
    with db.transaction() as session:
        other = shops.add_shop(session, "other.myshopify.com", clock.now(), name="Other")

    take(other, "hello@shop.example")

    assert sender_of(shop).address == "hello@shop.example"
    assert sender_of(other) == MailSender(OURS, "hello@shop.example")


def test_s34_a_domain_names_the_shop_that_may_write_from_it(shop, relay, operator):
    with db.transaction() as session:
        other = shops.add_shop(session, "other.myshopify.com", clock.now())
    word, foreign = (sender_proofs.domain_words(each.id, "shop.example")[0]
                     for each in (shop, other))  # fmt: skip
    operator.records = {"shop.example": ["v=spf1 -all"], "_regulars.shop.example": [word]}

    take(shop, "hello@shop.example")
    take(other, "hello@shop.example")

    assert word != foreign
    assert sender_of(shop) == MailSender("hello@shop.example")
    assert sender_of(other).address == OURS
    with db.reading() as session:
        held = senders.get_sender(session, shop.id, "hello@shop.example")
    assert (held.proof, held.records["spf"], held.records["dmarc"]) == (
        SenderProof.DNS, "set", "missing",
    )  # fmt: skip


def test_s34_the_operator_allows_a_domain_for_one_shop(shop, operator, monkeypatch):
    allowed = f"{shop.domain}=shop.example, other.myshopify.com=bank.example"
    monkeypatch.setenv("REGULARS_SENDER_DOMAINS", allowed)
    get_settings.cache_clear()

    for address, proof in (
        ("hello@shop.example", SenderProof.OPERATOR),
        ("hello@evil-shop.example", None),
        ("hello@sub.shop.example", None),
        (BANK, None),
    ):
        take(shop, address)
        with db.reading() as session:
            assert proof_of(session, shops.get_shop(session, shop.id)) is proof, address


@pytest.mark.parametrize("text", ["shop.example", "shop=x", "a.myshopify.com=", "=shop.example"])
def test_s34_a_setting_that_names_no_shop_and_domain_is_refused(text):
    with pytest.raises(ValueError, match="sender_domains"):
        Settings(sender_domains=text)


def test_s34_the_stores_own_address_counts_only_where_the_operator_says_so(
    shop, operator, monkeypatch
):
    assert sender_of(shop) == MailSender(OURS, shop.email)
    monkeypatch.setenv("REGULARS_TRUST_STORE_EMAIL", "true")
    get_settings.cache_clear()
    assert sender_of(shop) == MailSender(shop.email)
    take(shop, BANK)
    assert sender_of(shop).address == OURS


def test_s34_no_mailbox_is_flooded_by_proofs_whichever_shop_asks(shop, relay, operator):
    with db.transaction() as session:
        other = shops.add_shop(session, "other.myshopify.com", clock.now())

    for _ in range(4):
        take(shop, "victim@shop.example")
        take(other, "victim+again@shop.example")

    assert len(relay.mails()) == 3
    with db.reading() as session:
        held = senders.get_sender(session, other.id, "victim+again@shop.example")
    assert held.state is SenderState.LIMITED


def test_s34_a_shop_has_few_addresses_asked_in_a_day(shop, relay, operator):
    for number in range(8):
        take(shop, f"victim-{number}@shop.example")

    assert len(relay.mails()) == 5


def test_s34_a_relay_that_is_away_is_asked_again_and_then_given_up(
    shop, relay, operator, monkeypatch
):
    relay.answers = ["451 4.3.0 later"] * 9
    now = clock.now()
    for minutes in (0, 6, 12, 18, 24):
        at = now + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        if minutes == 0:
            take(shop, "hello@shop.example")
        run_slice(sender_proofs.SLICE_JOB, shop.id)

    assert len(relay.answers) == 6
    with db.reading() as session:
        held = senders.get_sender(session, shop.id, "hello@shop.example")
        assert (held.state, held.due_at) == (SenderState.REFUSED, None)
    with db.reading() as session:
        assert senders.shops_due(session, clock.now() + timedelta(days=1)) == []


def test_s34_a_relay_that_lets_nothing_in_uses_up_no_attempt(shop, operator, monkeypatch):
    monkeypatch.setenv("REGULARS_SMTP_URL", f"smtp://127.0.0.1:{free_ports(1)[0]}")
    get_settings.cache_clear()
    take(shop, BANK)
    now = clock.now()
    for minutes in range(6, 60, 6):
        at = now + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        run_slice(sender_proofs.SLICE_JOB, shop.id)

    with db.reading() as session:
        held = senders.lock_sender(session, shop.id, BANK)
    assert (held.attempts, held.wants_mail) == (0, True)
    assert held.due_at > clock.now()


def test_s34_a_new_shop_is_asked_for_its_address_once(shop, relay, operator, broker):
    onboard.sender_proofs.ask_of_new_shop(shop.id)
    onboard.sender_proofs.ask_of_new_shop(shop.id)
    assert broker.queues["senders"].qsize() == 1

    run_slice(sender_proofs.SLICE_JOB, shop.id)

    (mail,) = relay.mails()
    assert mail["To"] == shop.email
