"""`regulars doctor`: what is broken is named with what to do, and what is whole is ok."""

import contextlib
import shutil
import socket
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from plugin import clock
from plugin.channels.email import sender_dns
from plugin.cli.commands import command
from plugin.cli.doctor import machine, outside
from plugin.cli.doctor.examination import examine
from plugin.cli.doctor.findings import Level
from plugin.runtime import valkey
from plugin.settings import get_settings
from storage import inbox_claims, messages
from storage.arrivals import NewDelivery, add_deliveries, take_in_arrivals
from storage.backfills import StoreNoun
from storage.engine import db, encryption
from storage.engine.ids import new_id
from storage.inbox import DeliveryState
from storage.reconciliations import Reconciliation
from tests.conftest import SETTINGS, add_dewpoint
from tests.operations.test_valkey import client, server
from tests.plugin.channels.name_server import serving
from tests.plugin.channels.relay import running
from tests.plugin.channels.scripted_relay import running as relaying

RECORDS = {
    "dewpoint.example": ["v=spf1 include:relay.example -all"],
    "k1._domainkey.dewpoint.example": ["v=DKIM1; p=MIGf"],
    "_dmarc.dewpoint.example": ["v=DMARC1; p=quarantine"],
}
PARTS = (
    "settings",
    "folder",
    "disk",
    "database",
    "clock",
    "broker",
    "relay",
    "dns",
    "webhooks",
    "work",
)


class Site(BaseHTTPRequestHandler):
    """What stands at our public address; a test may change its answer."""

    answer = (200, {}, b'{"status":"ok"}')

    def do_GET(self):
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture(scope="module")
def site():
    """A web server on loopback."""
    made = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """A relay, a name server and a Valkey of these tests'."""
    folder = tmp_path_factory.mktemp("broker")
    with running() as relay, serving(RECORDS) as names, server(folder):
        yield SimpleNamespace(relay=relay, names=names, broker=folder)


@pytest.fixture
def whole(servers, site, sqlite_template, tmp_path, monkeypatch):
    """An installation that lacks nothing; a test breaks it by settings, rows and files."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for file in sqlite_template.iterdir():
        shutil.copy(file, data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plugin.runtime.logs.set_up_logs", lambda: None)
    monkeypatch.setattr(Site, "answer", Site.answer)
    servers.names.records, servers.names.is_silent = dict(RECORDS), False

    def change(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"REGULARS_{name.upper()}", str(value))
        get_settings.cache_clear()

    change(
        data_dir=data, url=site, smtp_url=servers.relay.url, dkim_selectors="k1",
        dns_servers=servers.names.address, broker_url=valkey.server_address(servers.broker),
    )  # fmt: skip
    db.connect(f"sqlite:///{data}/regulars.db")
    shop = add_dewpoint()
    yield SimpleNamespace(change=change, data=data, shop=shop, servers=servers, patch=monkeypatch)
    db.disconnect()
    encryption.set_keys({"1": SETTINGS["REGULARS_SECRET_KEY"]})
    get_settings.cache_clear()


def test_of_a_whole_installation_every_part_is_ok(whole):
    findings = list(examine())

    assert [str(each) for each in findings if each.level is Level.FAILED] == []
    assert [each.part for each in findings if each.level is Level.WARNING] == ["address"]
    assert {*PARTS} <= {each.part for each in findings}
    assert whole.servers.relay.raw == []  # no mail was sent


def broken_settings(whole):
    whole.change(smtp_url="localhost:25")


def an_unwritable_folder(whole):
    whole.change(data_dir="/proc/nowhere")


def a_folder_for_all_to_read(whole):
    whole.data.chmod(0o755)


def a_full_disk(whole):
    usage = SimpleNamespace(free=100_000_000)
    whole.patch.setattr(machine.shutil, "disk_usage", lambda path: usage)


def a_database_that_is_away(whole):
    whole.patch.setattr(db, "create_engine", create_engine)  # what never connected is not shared
    whole.change(database_url="postgresql://me:geheim@127.0.0.1:1/x")


def an_older_database(whole):
    with db.transaction() as session:
        session.execute(text("UPDATE main_version SET version_num = '0001'"))


def a_database_without_a_table(whole):
    with db.transaction() as session:
        session.execute(text("DROP TABLE visit"))


def another_secret_key(whole):
    whole.change(secret_key="another key that is long enough" * 2)


def a_skewed_clock(whole):
    whole.patch.setattr(db, "database_time", lambda session: time.time() + 120)


def a_lease_of_next_year(whole):
    add_deliveries([delivery(whole, clock.now())])
    with db.inbox_transaction() as session:
        take_in_arrivals(session)
        session.execute(
            text("UPDATE delivery SET lease_until = 9999999999 WHERE shop_id = shop_id")
        )


def a_broker_that_is_away(whole):
    whole.change(broker_url="redis://127.0.0.1:1")


def a_valkey_that_does_not_run(whole):
    whole.change(broker_url="")


def a_broker_that_forgets(whole):
    asked = client(whole.servers.broker)
    asked.config_set("appendonly", "no")
    asked.close()


def no_relay(whole):
    whole.change(smtp_url="")


def a_relay_that_is_away(whole):
    whole.change(smtp_url="smtp://127.0.0.1:1")


def a_relay_without_tls(whole):
    whole.change(smtp_url=whole.servers.relay.url.replace("smtp://", "smtps://"))


def a_wrong_password(whole):
    def script(word, connection):
        async def lines(said):
            yield said

        answers = {"EHLO": b"250-relay.example\r\n250 AUTH PLAIN", "AUTH": b"535 5.7.8 no"}
        return lines(answers[word]) if word in answers else None

    relay = whole.stack.enter_context(relaying(script))
    whole.change(smtp_url=relay.url.replace("smtp://", "smtp://me:geheim@"))


def no_spf(whole):
    del whole.servers.names.records["dewpoint.example"]


def two_spf_records(whole):
    whole.servers.names.records["dewpoint.example"] = ["v=spf1 -all", "v=spf1 ~all"]


def no_dkim(whole):
    del whole.servers.names.records["k1._domainkey.dewpoint.example"]


def no_dmarc(whole):
    del whole.servers.names.records["_dmarc.dewpoint.example"]


def a_silent_name_server(whole):
    silent = whole.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind(("127.0.0.1", 0))
    whole.patch.setattr(sender_dns, "LIFETIME_S", 0.1)
    whole.change(dns_servers="{}:{}".format(*silent.getsockname()))


def an_address_where_nothing_answers(whole):
    whole.change(url="http://127.0.0.1:1")


def an_address_of_another_site(whole):
    whole.patch.setattr(Site, "answer", (200, {}, b"<h1>Welcome to nginx</h1>"))


def an_address_that_leads_on(whole):
    whole.patch.setattr(Site, "answer", (301, {"Location": "https://www.example.com/"}, b""))


def a_topic_that_brings_nothing(whole):
    with db.transaction() as session:
        session.add(
            Reconciliation(
                shop_id=whole.shop.id,
                noun=StoreNoun.ORDERS,
                generation=1,
                since=clock.now(),
                due_at=clock.now(),
                inactive_topics=["orders/create"],
            )
        )


def an_unread_webhook(whole):
    add_deliveries([delivery(whole, clock.now())])
    with db.inbox_transaction() as session:
        take_in_arrivals(session)
        inbox_claims.settle_deliveries(
            session, whole.shop.id, ["w1"], DeliveryState.QUARANTINED, error="no"
        )


def no_workers(whole):
    add_deliveries([delivery(whole, clock.now() - timedelta(hours=1))])


def no_senders(whole):
    at = clock.now() - timedelta(hours=1)
    row = {"shop_id": whole.shop.id, "id": new_id(), "idempotency_key": "k", "profile_id": 1,
           "channel": "email", "transactional": True, "template_id": 1, "due_at": at,
           "created_at": at}  # fmt: skip
    with db.transaction() as session:
        messages.add_messages(session, [row])


def delivery(whole, at):
    return NewDelivery(whole.shop.id, "w1", "orders/create", "", "", at, b"{}")


SAID = {
    broken_settings: "failed   settings  REGULARS_SMTP_URL must begin with smtp:// or smtps://",
    an_unwritable_folder: "failed   folder    /proc/nowhere cannot be written",
    a_folder_for_all_to_read: "warning  folder    Others may read",
    a_full_disk: "failed   disk      0.1 GB are free",
    a_database_that_is_away: "failed   database  The database at postgresql+psycopg://me:***@",
    an_older_database: "failed   database  It is of another version. Run `regulars migrate`.",
    a_database_without_a_table: "but it lacks visit",
    another_secret_key: "failed   key       REGULARS_SECRET_KEY does not open",
    a_skewed_clock: "failed   clock     The database's clock is +120 s off",
    a_lease_of_next_year: "failed   clock     1 rows are leased for over an hour",
    a_broker_that_is_away: "failed   broker    It does not answer.",
    a_valkey_that_does_not_run: "warning  broker    Our own Valkey does not run.",
    a_broker_that_forgets: "warning  broker    It keeps no append-only file",
    no_relay: "warning  relay     REGULARS_SMTP_URL is not set",
    a_relay_that_is_away: "failed   relay     127.0.0.1:1 cannot be used: Connection refused.",
    a_relay_without_tls: "failed   relay     127.0.0.1:",
    a_wrong_password: "The mail relay refused the user name or the password (535).",
    no_spf: "warning  dns       dewpoint.example: no SPF record",
    two_spf_records: "failed   dns       dewpoint.example: SPF cannot be used",
    no_dkim: "warning  dns       dewpoint.example: no DKIM record",
    no_dmarc: "warning  dns       dewpoint.example: no DMARC record",
    a_silent_name_server: "no name server says whether there is SPF. Look at REGULARS_DNS",
    an_address_where_nothing_answers: "failed   address   http://127.0.0.1:1 cannot be reached",
    an_address_of_another_site: "something else answers, with 200.",
    an_address_that_leads_on: "leads on to https://www.example.com/, which no webhook follows",
    a_topic_that_brings_nothing: "dewpoint.myshopify.com: Shopify brings nothing of orders",
    an_unread_webhook: "warning  webhooks  dewpoint.myshopify.com: 1 could not be read.",
    no_workers: "failed   work      What is due waits for 60 minutes.",
    no_senders: "failed   work      What is due waits for 60 minutes.",
}


@pytest.mark.parametrize("spoil", SAID, ids=lambda spoil: spoil.__name__)
def test_o17_a_broken_installation_is_named_with_what_to_do(whole, spoil):
    with contextlib.ExitStack() as whole.stack:
        spoil(whole)

        answer = CliRunner().invoke(command, ["doctor"])

    assert SAID[spoil] in answer.stdout
    assert "geheim" not in answer.output
    line = next(line for line in answer.stdout.splitlines() if SAID[spoil] in line)
    assert answer.exit_code == line.startswith("failed")


def test_o17_a_server_that_loses_work_in_a_power_cut_is_named(whole, postgres_server):
    whole.change(database_url=postgres_server.replace("/postgres?", "/template_regulars?"))

    told = [str(each) for each in examine()]

    lost = (
        "failed   database  A power cut would lose what was answered: set fsync, full_page_writes"
    )
    assert any(line.startswith(lost) for line in told)


def test_o17_an_unencrypted_public_address_is_refused(whole, site):
    whole.patch.setattr(outside, "_is_loopback", lambda url: False)

    assert any("Shopify takes only https:// addresses" in str(each) for each in examine())
