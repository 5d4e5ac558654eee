"""A second channel is a folder and a line of the registry: this one stands in a test."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from plugin import clock
from plugin.channels.base import ChannelMetrics, ChannelSpec, Envelope, SendError, TextContent
from plugin.channels.registry import CHANNELS, is_channel_metric
from plugin.errors import RegularsError
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.flows.advance import advance_enrolments
from plugin.flows.definition import parse_definition
from plugin.flows.library import add_flow, set_status
from plugin.ingest.digest import apply_facts
from plugin.messages.send import send_messages
from plugin.templates import library
from storage import consent, events, messages
from storage.channels import Channel
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Enrolment
from storage.messages import Message, MessageSource, MessageState
from storage.profiles import IdentityKind
from storage.shops import Shop, get_shop
from tests.plugin.flows.ready import abandoned_checkout

NUMBER = "+12125550123"


class ListedSms:
    """A provider that keeps what it is given."""

    def __init__(self, name: str = "listed", *, set_up: bool = True, repeats: bool = False) -> None:
        self.name, self.set_up, self.repeats = name, set_up, repeats
        self.sent: list[tuple[Envelope, TextContent]] = []
        self.refusal: SendError | None = None

    def get_ready(self, sender: str) -> None:
        """It is."""

    def send(self, envelope: Envelope, content: TextContent) -> str:
        """Keep it, or refuse it."""
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((envelope, content))
        return f"listed-{len(self.sent)}"

    def detects_repeats(self) -> bool:
        """Whether it does, as it was made."""
        return self.repeats

    def is_set_up(self) -> bool:
        """Whether it is, as it was made."""
        return self.set_up


@pytest.fixture
def sms(monkeypatch: pytest.MonkeyPatch) -> ListedSms:
    """The line of the registry."""
    provider = ListedSms()
    spec = ChannelSpec(
        flow_action="send-sms",
        content=TextContent,
        metrics=ChannelMetrics.of("SMS"),
        providers=(provider,),
        needs_sender=False,
        needs_postal_address=False,
        smart_sending_window=timedelta(hours=24),
    )
    monkeypatch.setitem(CHANNELS, Channel.SMS, spec)
    return provider


def agree_to_texts(shop: Shop) -> None:
    now = clock.now()
    row = {
        "shop_id": shop.id, "id": new_id(), "dedupe_key": str(new_id()), "channel": Channel.SMS,
        "address": NUMBER, "state": ConsentState.SUBSCRIBED, "occurred_at": now, "recorded_at": now,
        "source": "form", "disclosure": "Text me news and offers.", "form_id": 1,
        "form_version": 1, "page": "https://dewpoint.example/", "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
    }  # fmt: skip
    with db.transaction() as session:
        consent.record_consent(session, [row])


def start_flow(shop: Shop) -> None:
    """A flow of one text, live, in a shop that has neither a sender nor a postal address."""
    with db.transaction() as session:
        kept = get_shop(session, shop.id)
        assert kept is not None
        kept.sender_email = kept.postal_address = ""
        session.add(kept)
        template_id = library.seed_templates(session, kept)[library.FIRST]
        action: dict[str, Any] = {
            "id": "1",
            "type": "send-sms",
            "links": {"next": None},
            "data": {
                "message": {"template_id": str(template_id), "smart_sending_enabled": False},
                "status": "live",
            },
        }
        definition = abandoned_checkout() | {"entry_action_id": "1", "actions": [action]}
        flow_id = add_flow(session, shop.id, "Texts", definition)
    set_status(shop.id, flow_id, True)


def run_flow(shop: Shop) -> Message:
    """A shopper starts a checkout; the message that the flow sends."""
    now = clock.now()
    keys = (
        IdentityKey(IdentityKind.EMAIL, "maya@example.com"),
        IdentityKey(IdentityKind.PHONE, NUMBER),
    )
    maya = ProfileFact(keys, now, {"email": "maya@example.com", "phone": NUMBER})
    started = EventFact(maya, "Checkout Started", "c1", now, value=1)
    apply_facts(shop, Facts(profiles=[maya], events=[started]))
    with db.reading() as session:
        entered = session.exec(select(Enrolment.id).where(Enrolment.shop_id == shop.id)).all()
    advance_enrolments(shop.id, entered)
    with db.reading() as session:
        (message_id,) = session.exec(select(Message.id).where(Message.shop_id == shop.id)).all()
    send_messages(shop.id, [message_id])
    with db.reading() as session:
        found = messages.get_message(session, shop.id, message_id)
    assert found is not None
    return found


def metrics(shop: Shop, profile_id: int) -> list[str]:
    with db.reading() as session:
        found = events.events_page(session, shop.id, profile_id, 20)
    return [event.metric for event in found]


def test_a_text_goes_from_a_flow_to_the_timeline(merchant, shop, sms):
    agree_to_texts(shop)
    start_flow(shop)

    message = run_flow(shop)

    ((envelope, content),) = sms.sent
    assert (message.state, message.skip_reason) == (MessageState.ACCEPTED, "")
    assert (message.channel, message.source) == (Channel.SMS, MessageSource.FLOW)
    assert (message.provider, message.provider_message_id) == ("listed", "listed-1")
    assert message.idempotency_key.endswith(":sms")
    assert (envelope.channel, envelope.recipient, envelope.sender) == (Channel.SMS, NUMBER, "")
    assert content.text.strip()
    assert "<" not in content.text
    assert metrics(shop, message.profile_id).count("Received SMS") == 1
    page = merchant.open(f"/audience/profiles/{message.profile_id}").text
    assert page.count("Received SMS") == 1, "the message's own line, and no second one"


def test_a_text_without_the_proof_of_its_consent_is_not_sent(shop, sqlite, sms):
    start_flow(shop)

    message = run_flow(shop)

    assert (message.state, message.skip_reason) == (MessageState.SKIPPED, "no_consent")
    assert sms.sent == []


def test_a_number_that_is_gone_bounces_on_its_own_channel(shop, sqlite, sms):
    agree_to_texts(shop)
    start_flow(shop)
    sms.refusal = SendError("No such number", permanent=True, address_gone=True)

    message = run_flow(shop)

    assert (message.state, message.skip_reason) == (MessageState.FAILED, "address_gone")
    assert "Bounced SMS" in metrics(shop, message.profile_id)
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, Channel.SMS, NUMBER) == ConsentState.BOUNCED
        assert consent.consent_state(session, shop.id, Channel.EMAIL, "maya@example.com") is None


def test_a_text_in_doubt_goes_by_what_its_own_provider_recognises(shop, sqlite, sms):
    agree_to_texts(shop)
    start_flow(shop)
    sms.refusal = SendError("The line broke", ambiguous=True)

    assert run_flow(shop).state == MessageState.AMBIGUOUS


def test_of_two_providers_the_one_that_is_set_up_sends(shop, sqlite, sms, monkeypatch):
    idle, sends = ListedSms("idle", set_up=False), ListedSms("sends")
    spec = CHANNELS[Channel.SMS]._replace(providers=(idle, sends))
    monkeypatch.setitem(CHANNELS, Channel.SMS, spec)
    agree_to_texts(shop)
    start_flow(shop)

    message = run_flow(shop)

    assert (len(idle.sent), len(sends.sent)) == (0, 1)
    assert (message.provider, message.provider_message_id) == ("sends", "listed-1")


def test_a_text_in_doubt_is_the_affair_of_the_provider_that_had_it(shop, sqlite, sms, monkeypatch):
    agree_to_texts(shop)
    start_flow(shop)
    newer = ListedSms("newer", set_up=False, repeats=True)
    spec = CHANNELS[Channel.SMS]._replace(providers=(newer, sms))
    monkeypatch.setitem(CHANNELS, Channel.SMS, spec)

    def switch_over(envelope: Envelope, content: TextContent) -> str:
        newer.set_up = True
        raise SendError("The line broke", ambiguous=True)

    monkeypatch.setattr(sms, "send", switch_over)

    message = run_flow(shop)

    assert (message.state, message.provider) == (MessageState.AMBIGUOUS, "listed")


def test_a_text_in_doubt_goes_to_the_provider_that_had_it_again(shop, sqlite, sms, monkeypatch):
    agree_to_texts(shop)
    start_flow(shop)
    newer, older = ListedSms("newer", set_up=False), ListedSms("older", repeats=True)
    spec = CHANNELS[Channel.SMS]._replace(providers=(newer, older))
    monkeypatch.setitem(CHANNELS, Channel.SMS, spec)
    older.refusal = SendError("The line broke", ambiguous=True)
    message = run_flow(shop)
    assert message.state == MessageState.DUE

    newer.set_up, older.refusal = True, None
    monkeypatch.setattr(clock, "now", lambda: message.due_at)
    send_messages(shop.id, [message.id])

    assert (len(older.sent), len(newer.sent)) == (1, 0)


def test_a_text_in_doubt_whose_provider_is_gone_is_not_sent_again(shop, sqlite, sms, monkeypatch):
    agree_to_texts(shop)
    start_flow(shop)
    spec = CHANNELS[Channel.SMS]._replace(providers=(ListedSms("other", repeats=True),))

    def leave(envelope: Envelope, content: TextContent) -> str:
        monkeypatch.setitem(CHANNELS, Channel.SMS, spec)
        raise SendError("The line broke", ambiguous=True)

    monkeypatch.setattr(sms, "send", leave)

    assert run_flow(shop).state == MessageState.AMBIGUOUS


def test_a_page_may_not_use_the_name_of_a_channels_metric(sms):
    assert is_channel_metric(" received  SMS")
    assert not is_channel_metric("Received Parcel")


@pytest.mark.parametrize("action", ["send-sms", "send-fax"])
def test_a_flow_that_sends_on_an_unregistered_channel_cannot_be_run(action):
    step = {"id": "1", "type": action, "links": {"next": None}, "data": {}}
    with pytest.raises(RegularsError, match=action):
        parse_definition(
            abandoned_checkout() | {"entry_action_id": "1", "actions": [step]},
        )
