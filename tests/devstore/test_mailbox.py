"""The mailbox keeps each mail once, and fails on demand."""

import asyncio
import contextlib
import smtplib
import threading
from email.message import EmailMessage

import httpx2
import pytest

from devstore.mailbox import Mailbox, listening


def letter(key=None, to="mia@example.com", **headers):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hello@dewpoint.example", to, "Still thinking?"
    if key:
        mail["Idempotency-Key"] = key
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Hello")
    mail.add_alternative("<h1>Hello</h1><script>1</script>", subtype="html")
    return mail


@contextlib.contextmanager
def served(mailbox):
    """A mailbox behind a port, in a thread with a loop of its own."""
    ready, ports, loops = threading.Event(), [], []

    async def serve():
        async with listening(mailbox) as port:
            stop = asyncio.Event()
            ports.append(port)
            loops.append((asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(5)
    try:
        yield ports[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        mailbox.close()


def send(port, mail):
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.send_message(mail)


def test_a_mail_arrives_with_its_parts():
    mailbox = Mailbox()
    with served(mailbox) as port:
        send(port, letter())
        (mail,) = mailbox.mails(to="MIA@example.com")

    assert mail.subject == "Still thinking?"
    assert mail.part("plain").strip() == "Hello"
    assert "<h1>Hello</h1>" in mail.part("html")


def test_a_key_seen_before_is_accepted_again_and_kept_once():
    mailbox = Mailbox()
    with served(mailbox) as port:
        for key in ("k1", "k1", "k2", None, None):
            send(port, letter(key))
        kept, came = len(mailbox.mails()), (mailbox.receptions("k1"), mailbox.receptions())

    assert kept == 4
    assert came == (2, 5)


def test_a_line_dropped_after_the_data_leaves_the_mail_behind():
    mailbox = Mailbox(fault="drop_after_data", times=1)
    with served(mailbox) as port:
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(port, letter("k1"))
        send(port, letter("k1"))
        kept, came = len(mailbox.mails()), mailbox.receptions("k1")

    assert (kept, came) == (1, 2)


@pytest.mark.parametrize(("fault", "code"), [("reject", 550), ("defer", 451)])
def test_a_refused_mail_is_not_kept(fault, code):
    mailbox = Mailbox()
    with served(mailbox) as port:
        mailbox.break_down(fault)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(port, letter())
        kept = mailbox.mails()

    assert refused.value.smtp_code == code
    assert kept == []


def test_the_pages_show_a_mail_and_run_nothing_of_it(shop):
    mailbox = shop.app.state.mailbox
    way_out = {
        "List_Unsubscribe": "<https://app.test/out/1>",
        "List_Unsubscribe_Post": "List-Unsubscribe=One-Click",
    }
    mailbox.keep("a@b.example", ["mia@example.com"], letter(**way_out).as_bytes())

    assert "Still thinking?" in shop.get("/mailbox").text
    assert "Unsubscribe</button>" in shop.get("/mailbox/1").text
    body = shop.get("/mailbox/1/html")
    assert "script-src 'none'" in body.headers["Content-Security-Policy"]
    told = shop.get("/mailbox.json?to=mia@example.com").json()
    assert told["mails"][0]["unsubscribe"] == "https://app.test/out/1"
    assert told["receptions"] == 1


def test_the_button_takes_the_one_click_way_out(shop):
    came = []

    def answer(request):
        came.append((str(request.url), request.content))
        return httpx2.Response(200)

    shop.app.state.client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    way_out = {
        "List_Unsubscribe": "<mailto:a@b.example>, <https://app.test/out/1>",
        "List_Unsubscribe_Post": "List-Unsubscribe=One-Click",
    }
    mailbox = shop.app.state.mailbox
    mailbox.keep("a@b.example", ["mia@example.com"], letter(**way_out).as_bytes())
    mailbox.keep("a@b.example", ["mia@example.com"], letter().as_bytes())

    assert "The sender answered 200." in shop.post("/mailbox/1/unsubscribe").text
    assert came == [("https://app.test/out/1", b"List-Unsubscribe=One-Click")]
    assert shop.post("/mailbox/2/unsubscribe").status_code == 422


def test_faults_can_be_set_over_http(shop):
    said = shop.post("/mailbox/fault", json={"kind": "reject", "times": 2})
    assert said.json() == {"ok": True}
    assert shop.app.state.mailbox.fault() == "reject"
    assert shop.post("/mailbox/fault", json={"kind": "fire"}).status_code == 422
