import asyncio
import smtplib
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import product
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from dramatiq.middleware import TimeLimitExceeded

from plugin.channels.base import EmailContent, Envelope, SendError
from plugin.channels.email import connection
from plugin.channels.email import smtp as smtp_channel
from plugin.channels.email.mime import build_mime
from plugin.channels.email.smtp import SmtpEmail
from plugin.settings import get_settings
from storage.channels import Channel
from tests.plugin.channels.relay import Relay

AT = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
INJECTIONS = [
    "Hi\r\nBcc: everybody@evil.example",
    "Hi\nSubject: other",
    "Hi\r\n\r\n<script>",
    "Hi\r\n.\r\nMAIL FROM:<x@evil.example>",
    "Hi\n.\n",
    "Hi\x00\x0b\x0c",
    "Hi\u2028Bcc: x@evil.example",
    "=?utf-8?b?SGkKQmNjOiB4?=",
    'Hi" <x@evil.example>, "',
    "你好\r\nBcc: x@evil.example",
    "long " * 60,
    "很长" * 60,
]


def made(**changes: object) -> tuple[Envelope, EmailContent]:
    fields: dict[str, object] = {
        "message_id": 7,
        "shop_id": 1,
        "idempotency_key": "flow:1:2:3:email",
        "channel": Channel.EMAIL,
        "recipient": "maya@example.com",
        "sender": "hello@dewpoint.example",
        "sent_at": AT,
        "deadline": time.monotonic() + 50,
    }
    content: dict[str, object] = {
        "subject": "Welcome",
        "html": "<p>Hello</p>",
        "text": "Hello",
        "sender_name": "Dewpoint",
        "unsubscribe_url": "https://mail.example/u/abc",
    }
    said = {name: value for name, value in changes.items() if name in content}
    written = {name: value for name, value in changes.items() if name not in content}
    return (
        Envelope(**(fields | written)),  # type: ignore[arg-type]
        EmailContent(**(content | said)),  # type: ignore[arg-type]
    )


def test_a_letter_arrives_whole_with_both_its_parts(relay: Relay) -> None:
    html = "<p>你好</p>\n.\n..\r\n" + "x" * 5_000
    SmtpEmail().send(*made(html=html, text="你好\n.\n", subject="欢迎", sender_name="露点"))

    (mail,) = relay.mails()
    text, rich = mail.iter_parts()
    assert (mail["Subject"], mail["To"]) == ("欢迎", "maya@example.com")
    assert mail["From"].addresses[0].display_name == "露点"
    assert rich.get_content().splitlines() == html.splitlines()
    assert text.get_content().splitlines() == ["你好", "."]
    assert parsedate_to_datetime(mail["Date"]) == AT


def test_the_way_out_is_in_the_head_as_rfc_8058_wants_it(relay: Relay) -> None:
    SmtpEmail().send(*made())

    (mail,) = relay.mails()
    assert mail["List-Unsubscribe"] == "<https://mail.example/u/abc>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_same_message_has_the_same_message_id_on_every_try(relay: Relay) -> None:
    for _ in range(2):
        SmtpEmail().send(*made())
    SmtpEmail().send(*made(message_id=8))

    first, again, other = [mail["Message-ID"] for mail in relay.mails()]
    assert first == again != other
    assert first.endswith("@dewpoint.example>")


def test_one_connection_serves_many_letters(relay: Relay) -> None:
    for number in range(5):
        SmtpEmail().send(*made(message_id=number))

    assert smtp_channel._kept.sent == 5


@pytest.mark.parametrize(("field", "text"), [*product(["subject", "sender_name"], INJECTIONS)])
def test_s18_nothing_that_comes_from_outside_starts_a_header(field: str, text: str) -> None:
    head = build_mime(*made(**{field: text})).split(b"\r\n\r\n", 1)[0]

    lines = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert [line.split(b":")[0] for line in lines] == [
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"List-Unsubscribe",
        b"List-Unsubscribe-Post", b"MIME-Version", b"Content-Type",
    ]  # fmt: skip
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))


def test_s18_a_corpus_through_a_real_relay_makes_one_mail_each(relay: Relay) -> None:
    for number, text in enumerate(INJECTIONS):
        SmtpEmail().send(*made(message_id=number, subject=text, text=text, html=text))

    mails = relay.mails()
    assert len(mails) == len(INJECTIONS)
    assert all(len(mail.get_all("Subject", [])) == 1 for mail in mails)
    assert not any(mail["Bcc"] for mail in mails)


@pytest.mark.parametrize(
    "address",
    ["", "maya", "a@b@c", "a@b\r\nBcc: x@evil.example", "a b@c.example", "<a@b.example>", "a@b>"],
)
def test_what_is_no_address_is_refused_for_good(relay: Relay, address: str) -> None:
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made(recipient=address))

    assert refused.value.permanent
    assert not relay.raw


@pytest.mark.parametrize(
    ("stage", "answer", "permanent", "address_gone"),
    [
        ("RCPT", "450 4.2.1 busy", False, False),
        ("RCPT", "421 4.7.0 too many", False, False),
        ("DATA", "451 4.7.1 later", False, False),
        ("RCPT", "550 5.1.1 no such user", True, True),
        ("RCPT", "550 no such user", True, True),
        ("RCPT", "550 relaying denied", False, False),
        ("RCPT", "550 5.1.2 host lookup did not complete", False, False),
        ("RCPT", "550 5.2.1 too many mails to this user", False, False),
        ("RCPT", "552 5.2.2 mailbox full", False, False),
        ("RCPT", "550 5.7.26 unauthenticated", False, False),
        ("RCPT", "553 5.1.8 bad sender", False, False),
        ("RCPT", "550 5.1.1 Sender address rejected: user unknown", False, False),
        ("DATA", "554 5.7.1 policy", False, False),
        ("DATA", "550 5.1.1 no such user", True, True),
        ("DATA", "552 5.3.4 too large", True, False),
        ("DATA", "554 5.6.0 not like this", True, False),
    ],
)
def test_f12_f13_the_relays_answer_decides(
    relay: Relay, stage: str, answer: str, permanent: bool, address_gone: bool
) -> None:
    relay.stage, relay.answers = stage, [answer]
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made())

    assert refused.value.permanent == permanent
    assert refused.value.address_gone == address_gone
    assert not refused.value.ambiguous
    SmtpEmail().send(*made())
    assert len(relay.raw) == 1


def test_a_line_that_breaks_before_data_may_be_tried_again(relay: Relay) -> None:
    relay.answers = ["drop", "drop"]
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made())

    assert (refused.value.permanent, refused.value.ambiguous) == (False, False)


def test_a_kept_connection_that_went_stale_is_replaced(relay: Relay) -> None:
    SmtpEmail().send(*made())
    relay.answers = ["drop"]
    SmtpEmail().send(*made())

    assert len(relay.raw) == 2


def test_f14_a_line_that_breaks_after_data_leaves_it_open(relay: Relay) -> None:
    relay.stage, relay.answers = "DATA", ["drop"]
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made())

    assert refused.value.ambiguous


def test_a_relay_that_is_away_or_not_set_is_a_matter_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in ("", "smtp://127.0.0.1:1"):
        monkeypatch.setenv("REGULARS_SMTP_URL", url)
        get_settings.cache_clear()
        with pytest.raises(SendError) as refused:
            SmtpEmail().send(*made())
        assert not refused.value.permanent
    get_settings.cache_clear()


def test_nothing_is_handed_over_after_the_deadline(relay: Relay) -> None:
    with pytest.raises(SendError, match="no time left"):
        SmtpEmail().send(*made(deadline=time.monotonic()))

    assert not relay.raw


def test_a_letter_that_ran_out_of_time_leaves_a_clean_line(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        await asyncio.sleep(1.2)
        return await Relay.handle_RCPT(relay, server, session, envelope, address, options)

    with monkeypatch.context() as patch:
        patch.setattr(relay, "handle_RCPT", slow)
        with pytest.raises(SendError, match="no time left"):
            SmtpEmail().send(*made(deadline=time.monotonic() + 2))
    assert smtp_channel._kept.line is None

    began = time.monotonic()
    SmtpEmail().send(*made(message_id=8))
    assert time.monotonic() - began < 5
    assert len(relay.raw) == 1


def test_a_worker_that_is_stopped_leaves_a_clean_line(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(smtp: object) -> None:
        raise TimeLimitExceeded

    SmtpEmail().send(*made())
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "getreply", stopped)
        with pytest.raises(TimeLimitExceeded):
            SmtpEmail().send(*made(message_id=8))

    assert smtp_channel._kept.line is None
    SmtpEmail().send(*made(message_id=9))
    assert "Welcome" in relay.raw[-1].decode()


@pytest.mark.parametrize("field", ["sender", "reply_to"])
def test_a_sender_that_is_no_address_says_nothing_of_the_recipient(
    relay: Relay, field: str
) -> None:
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made(**{field: "hello at dewpoint"}))

    assert (refused.value.sender_refused, refused.value.is_about_message) == (True, False)
    assert not refused.value.address_gone


def test_a_sender_beyond_ascii_is_written_as_it_is_or_refused(relay: Relay) -> None:
    SmtpEmail().send(*made(sender="你好@dewpoint.example"))

    assert len(relay.raw) == 1


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a relay on this machine shows, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "relay.pem"
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(Encoding.PEM))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    return shown, ssl.create_default_context(cafile=str(file))


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_relay_is_spoken_to_over_tls_from_the_start_or_once_it_offers_it(
    certified: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, trusting = certified
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    relay = Relay()
    of_scheme = {"ssl_context": shown} if scheme == "smtps" else {
        "tls_context": shown, "require_starttls": True,
    }  # fmt: skip
    controller = Controller(relay, hostname="127.0.0.1", port=port, **of_scheme)
    controller.start()
    monkeypatch.setattr(connection, "_tls", lambda: trusting)
    monkeypatch.setenv("REGULARS_SMTP_URL", f"{scheme}://localhost:{port}")
    get_settings.cache_clear()
    try:
        for number in (1, 2):
            SmtpEmail().send(*made(message_id=number))
    finally:
        smtp_channel.close_connection()
        controller.stop()
        get_settings.cache_clear()

    assert len(relay.raw) == 2
