"""Settings, the sender: what is saved is said to be unproven, refused by providers, or lacking."""

import pytest

from plugin.jobs import run_slice
from plugin.messages import sender_proofs
from plugin.settings import get_settings
from storage.engine import db
from storage.shops import get_shop

SAVED = {"sender_name": "Dewpoint", "postal_address": "12 Mill Lane", "language": ""}


def save(merchant, address: str, **changes: str) -> str:
    answer = merchant.post("/settings", sender_email=address, **{**SAVED, **changes})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    "address", ["a@gmail.com", "a@yahoo.com", "a@outlook.com", "a@qq.com", "a@163.com"]
)
def test_an_address_that_providers_refuse_is_saved_with_a_warning(merchant, shop, address):
    text = save(merchant, address)

    assert "Email providers refuse emails that stores send from addresses at" in text
    with db.reading() as session:
        assert get_shop(session, shop.id).sender_email == address


def test_an_empty_postal_address_is_saved_and_said_to_end_marketing(merchant, shop):
    text = save(merchant, shop.sender_email, postal_address=" ")

    assert "No marketing emails are sent until you add a postal address." in text
    with db.reading() as session:
        assert get_shop(session, shop.id).postal_address == ""
    assert "No marketing emails" not in save(merchant, shop.sender_email)


def test_an_address_that_is_unproven_is_said_to_be(merchant, shop, monkeypatch):
    assert "confirmed yet" not in save(merchant, shop.sender_email)
    assert "Until then no emails are sent" in save(merchant, "hello@shop.example")
    monkeypatch.setenv("REGULARS_SENDER_EMAIL", "mail@regulars.example")
    get_settings.cache_clear()
    assert "come from mail@regulars.example" in merchant.open("/settings").text
    assert "Set your sender" in merchant.open("/").text


def test_the_proof_is_sent_again_at_the_press_of_a_button(
    merchant, shop, relay, broker, monkeypatch
):
    monkeypatch.setenv("REGULARS_SENDER_EMAIL", "mail@regulars.example")
    get_settings.cache_clear()
    save(merchant, "hello@shop.example")
    run_slice(sender_proofs.SLICE_JOB, shop.id)
    assert "Send the email again" in merchant.open("/settings/sender").text
    before = broker.queues["senders"].qsize()

    merchant.post("/settings/sender", mail="on")

    assert broker.queues["senders"].qsize() == before + 1
    run_slice(sender_proofs.SLICE_JOB, shop.id)
    assert [mail["To"] for mail in relay.mails()] == ["hello@shop.example"] * 2
    page = merchant.open("/settings/sender").text
    assert "We sent it an email with a link" in page
    assert "_regulars.shop.example" in page
    assert sender_proofs.domain_words(shop.id, "shop.example")[0] in page


def test_a_look_at_dns_sends_no_mail(merchant, shop, relay):
    merchant.post("/settings/sender")
    run_slice(sender_proofs.SLICE_JOB, shop.id)

    assert relay.mails() == []
    assert "Not known" in merchant.open("/settings/sender").text


def test_a_preview_names_the_address_that_mail_comes_from(merchant, filled, monkeypatch):
    monkeypatch.setenv("REGULARS_SENDER_EMAIL", "mail@regulars.example")
    get_settings.cache_clear()
    preview = f"/flows/{filled['Welcome']}/messages/1"
    page = merchant.open(preview)
    assert page.status_code == 200
    assert "&lt;hello@dewpoint.example&gt;" in page.text

    save(merchant, "hello@shop.example")

    assert "&lt;mail@regulars.example&gt;" in merchant.open(preview).text
