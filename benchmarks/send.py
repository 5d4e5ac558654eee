"""Sending: the CPU of one personal mail of 30 KB, from its claim until it is settled.

ours        the product: the clock's claim, `send_messages`, on SQLite; every mail to `smtp-sink`
postgres    the same on PostgreSQL, a server of our own from a wheel
nodemailer  the alternative: nodemailer over a pool, liquidjs, no database
floor       what no sender can do without: an RSA-2048 signature, and Postfix's `smtp-source`

They run in turn, so that all meet the same load; ratios are taken pass by pass. Beside them stands
what the provider alone takes of ours: MIME and the relay, without a database. Our mails are not
signed, the peer's are.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import event
from sqlalchemy.engine import Engine

from benchmarks import mail_sink, outbox, peers, report
from benchmarks.mail_sink import Postfix
from benchmarks.postgres import postgres
from benchmarks.servers import KEY, ROOT, SETTINGS, BenchmarkError
from plugin import clock
from plugin.channels.base import EmailContent, Envelope
from plugin.channels.email import smtp
from plugin.channels.email.smtp import SmtpEmail
from plugin.runtime import logs
from plugin.settings import get_settings
from storage import schema
from storage.channels import Channel
from storage.engine import db, encryption

MAILS, QUICK_MAILS = 500, 40
CONNECTIONS = 16
SIGNATURES = 200
Way = Callable[[], float]  # one pass; the CPU microseconds of a mail


class Place(NamedTuple):
    """Where a run's parts are: the sink's port, the folder of its files, how many mails a pass."""

    postfix: Postfix
    port: int
    folder: Path
    mails: int


def options(parser: ArgumentParser) -> None:
    """Nothing of its own: `--quick` and `--passes` are the ingest's."""


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether everything that was asked for ran."""
    passes = asked.passes or (1 if asked.quick else 5)
    mails = QUICK_MAILS if asked.quick else MAILS
    missing: list[str] = []
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=peers.CACHE)))
        postfix = mail_sink.find_postfix()
        port = stack.enter_context(mail_sink.sink(postfix, folder))
        place = Place(postfix, port, folder, mails)
        stack.enter_context(_settings(folder))
        _send_to(port)
        (folder / "template").mkdir()
        shop_id = _template(f"sqlite:///{folder / 'template' / 'regulars.db'}", mails)
        sample, statements = _look(place, shop_id)
        ways: dict[str, Way] = {}
        prepared: dict[str, Callable[[], Way]] = {
            "ours": lambda: _ours(place, shop_id),
            "postgres": lambda: _postgres(place, stack),
            "provider": lambda: _provider(place, sample),
            "nodemailer": lambda: _nodemailer(place, sample),
            "floor": lambda: _floor(place, len(sample.as_bytes())),
        }
        for name, prepare in prepared.items():
            try:
                ways[name] = prepare()
            except BenchmarkError as error:
                missing.append(f"{name} was left out: {error}")
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(0 if asked.quick else -1, passes):
            for name, way in ways.items():
                took = way()
                if number >= 0:
                    times[name].append(took)
    _print(times, mails, passes, len(sample.as_bytes()), statements)
    for words in missing:
        report.say(words)
    report.line("send", _figures(times, mails, passes, len(sample.as_bytes()), statements))
    return 1 if missing else 0


@contextlib.contextmanager
def _settings(folder: Path) -> Generator[None]:
    """The installation's settings, and its logs in a file as a sender's are."""
    os.environ.update(SETTINGS)
    os.environ["REGULARS_SENDER_DOMAINS"] = f"{outbox.DOMAIN}={outbox.SENDER.partition('@')[2]}"
    encryption.set_keys({"1": KEY})
    with (folder / "log").open("w") as log, contextlib.redirect_stderr(log):
        get_settings.cache_clear()
        logs.set_up_logs()
        yield


def _send_to(port: int) -> None:
    os.environ["REGULARS_SMTP_URL"] = f"smtp://127.0.0.1:{port}"
    get_settings.cache_clear()


def _template(url: str, mails: int) -> int:
    """A migrated database with its outbox; the shop's id."""
    db.connect(url)
    try:
        schema.upgrade()
        return outbox.fill(mails)
    finally:
        db.disconnect()


@contextlib.contextmanager
def _copy(place: Place) -> Generator[None]:
    """A copy of the outbox in SQLite, connected inside the block."""
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        shutil.copytree(place.folder / "template", folder, dirs_exist_ok=True)
        db.connect(f"sqlite:///{folder}/regulars.db")
        try:
            yield
        finally:
            db.disconnect()


def _send(shop_id: int, mails: int) -> float:
    """Send an outbox; the CPU microseconds of a mail.

    Raises:
        BenchmarkError: not every mail was accepted.
    """
    before = time.process_time()
    outbox.send_all(shop_id)
    took = time.process_time() - before
    if (accepted := outbox.count_accepted(shop_id)) != mails:
        raise BenchmarkError(f"Of {mails} mails {accepted} were accepted.")
    return took / mails * 1e6


def _look(place: Place, shop_id: int) -> tuple[EmailMessage, float]:
    """A mail as it reaches a relay, and how many SQL statements one takes."""
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    with tempfile.TemporaryDirectory() as folder, _copy(place):
        kept = Path(folder)
        with mail_sink.sink(place.postfix, place.folder, kept) as port:
            _send_to(port)
            event.listen(Engine, "before_cursor_execute", count)
            try:
                _send(shop_id, place.mails)
            finally:
                event.remove(Engine, "before_cursor_execute", count)
                smtp.close_connection()
                _send_to(place.port)
        mail = message_from_bytes(mail_sink.read_mails(kept)[0], policy=policy.default)
    return mail, statements / place.mails


def _ours(place: Place, shop_id: int) -> Way:
    def once() -> float:
        with _copy(place):
            return _send(shop_id, place.mails)

    return once


def _postgres(place: Place, stack: contextlib.ExitStack) -> Way:
    server = stack.enter_context(postgres())
    shop_id, numbers = _template(server.create("template_outbox"), place.mails), itertools.count()

    def once() -> float:
        db.connect(server.create(f"pass_{next(numbers)}", "template_outbox"))
        try:
            return _send(shop_id, place.mails)
        finally:
            db.disconnect()

    return once


def _provider(place: Place, sample: EmailMessage) -> Way:
    """MIME and the relay alone, of mails that are written already."""
    text, html = (part.get_content() for part in sample.iter_parts())
    link = sample["List-Unsubscribe"].strip("<>")

    def once() -> float:
        provider, now = SmtpEmail(), clock.now()
        content = EmailContent(sample["Subject"], html, text, "Dewpoint", link)
        before = time.process_time()
        for number in range(place.mails):
            envelope = Envelope(
                shop_id=1, message_id=number, idempotency_key=f"{number}", channel=Channel.EMAIL,
                recipient=f"shopper-{number}@example.com", sender=outbox.SENDER, sent_at=now,
                deadline=time.monotonic() + 60,
            )  # fmt: skip
            provider.send(envelope, content)
        return (time.process_time() - before) / place.mails * 1e6

    return once


def _nodemailer(place: Place, sample: EmailMessage) -> Way:
    node = peers.find_node()
    packages = peers.install(ROOT / "benchmarks" / "node", node)
    asked = place.folder / "nodemailer.json"
    asked.write_text(json.dumps(_peer_template(sample) | {
        "port": place.port, "mails": place.mails, "warmup": place.mails // 5,
        "connections": CONNECTIONS, "from": f'"Dewpoint" <{outbox.SENDER}>',
        "dkim": {"domainName": "dewpoint.example", "keySelector": "one", "privateKey": _key_pem()},
    }))  # fmt: skip

    def once() -> float:
        done = subprocess.run(
            [node.node, str(packages / "send.mjs"), str(asked)],
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode:
            raise BenchmarkError(f"nodemailer failed: {done.stderr.strip()[-300:]}")
        return float(json.loads(done.stdout.splitlines()[-1])["us"])

    return once


def _peer_template(sample: EmailMessage) -> dict[str, object]:
    """Our mail as a template of liquidjs: as long, and as personal, but for the signed links."""
    text, html = (part.get_content() for part in sample.iter_parts())
    links = list(dict.fromkeys(re.findall(r'href="(http[^"]+)"', html)))
    for at, link in enumerate(links):
        html = html.replace(f'"{link}"', f'"{{{{ links[{at}] }}}}"')
        text = text.replace(unescape(link), f"{{{{ links[{at}] }}}}")
    lines = [f"Hydrating serum no. {number}" for number in range(1, outbox.LINES + 1)]
    for at, title in reversed([*enumerate(lines)]):
        html = html.replace(title, f"{{{{ lines[{at}] }}}}")
        text = text.replace(title, f"{{{{ lines[{at}] }}}}")
    html, text = (re.sub(r"Maya \d+", "{{ name }}", each) for each in (html, text))
    return {"html": html, "text": text, "links": links, "lines": lines,
            "subject": sample["Subject"]}  # fmt: skip


def _floor(place: Place, size: int) -> Way:
    key = rsa.generate_private_key(65_537, 2_048)

    def once() -> float:
        before = time.process_time()
        for number in range(SIGNATURES):
            key.sign(b"%d" % number * 200, padding.PKCS1v15(), hashes.SHA256())
        signature = (time.process_time() - before) / SIGNATURES
        mails = max(place.mails, 500)  # the start of the program is not what is measured
        sent = mail_sink.time_source(
            place.postfix, place.port, mails=mails, size=size, connections=CONNECTIONS
        )
        return (signature + sent / mails) * 1e6

    return once


def _key_pem() -> str:
    key = rsa.generate_private_key(65_537, 2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


WHO = {
    "ours": "ours: SQLite, unsigned",
    "postgres": "ours: PostgreSQL (without the server itself), unsigned",
    "provider": "of ours, MIME and SMTP alone",
    "nodemailer": "nodemailer: pool, liquidjs, DKIM RSA-2048, no database",
    "floor": "floor: an RSA-2048 signature and smtp-source",
}


def _print(times: dict[str, list[float]], mails: int, passes: int, size: int, said: float) -> None:
    report.say(f"Sending, {mails} mails of {size} bytes, {passes} passes in turn")
    report.table(
        ("", "CPU us each", "lowest", "highest"),
        [
            (WHO[name], f"{report.middle(us, 0):.0f}", f"{min(us):.0f}", f"{max(us):.0f}")
            for name, us in times.items()
        ],
    )
    report.say(f"SQL statements of a mail: {said:.1f} (should be at most 1)")


def _figures(
    times: dict[str, list[float]], mails: int, passes: int, size: int, statements: float
) -> dict[str, float | int | str | None]:
    def ratio(above: str, below: str) -> float | None:
        return report.middle(report.ratios(times.get(above, []), times.get(below, [])))

    figures = {f"{name}_us": report.middle(times.get(name, []), 1) for name in WHO}
    return {
        **figures,
        "nodemailer_vs_ours": ratio("nodemailer", "ours"),
        "ours_vs_floor": ratio("ours", "floor"),
        "postgres_vs_floor": ratio("postgres", "floor"),
        "statements_per_mail": round(statements, 2),
        "signed": 0,
        "bytes": size,
        "mails": mails,
        "passes": passes,
        "connections": CONNECTIONS,
    }
