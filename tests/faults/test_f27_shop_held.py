"""F27: one shop's lock that a stopped worker holds keeps no other shop waiting."""

import asyncio
import contextlib
import time
from collections.abc import Generator

import httpx2
import psycopg
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from plugin.ingest.digest import digest_deliveries
from plugin.runtime import web
from storage.engine import db, locks, postgres
from storage.engine.faults import ShopBusyError
from storage.shops import Shop, add_shop
from tests.conftest import NOW
from tests.plugin.ingest.test_digest import CUSTOMER, keep
from tests.plugin.ingest.test_digest import profile as find_profile
from tests.sizes import PATIENCE, size
from webhooks.app import routes

BROWSERS = size(60, 400)
OTHERS_WITHIN_S, ANSWER_WITHIN_S = 2.0 * PATIENCE, 8.0 * PATIENCE
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def held(database: str, shop: Shop) -> Generator[Shop]:
    """The shop, with its lock in the hands of a connection that does nothing."""
    with psycopg.connect(database) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [shop.id])
        yield shop
        connection.rollback()


@pytest.fixture
def other(shop: Shop) -> Shop:
    with db.transaction() as session:
        return add_shop(session, "other.myshopify.com", NOW, currency="USD", country="US")


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Starlette:
    """The web as its process has it."""
    db.connect(database, lock_timeout_s=db.WEB_LOCK_TIMEOUT_S)
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)
    monkeypatch.setattr("webhooks.pixel.allows_hint", lambda *_: True)
    monkeypatch.setattr("webhooks.pixel.allows_sender", lambda *_: True)
    return web.build_app(routes(), https=False)


def seen(shop: Shop, number: int) -> dict[str, object]:
    event = {"id": f"e-{number}", "name": "page_viewed", "timestamp": NOW.isoformat(),
             "client_id": f"b-{number}", "url": "http://127.0.0.1:8001/", "data": {}}  # fmt: skip
    return {"shop": shop.domain, "events": [event]}


def test_f27_browsers_of_a_held_shop_are_answered_and_others_notice_nothing(
    held: Shop, other: Shop, app: Starlette
) -> None:
    async def browse() -> tuple[list[int], list[tuple[int, float]]]:
        line = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=line, base_url="http://app", timeout=300) as client:
            began = time.monotonic()
            crowd = [
                asyncio.create_task(client.post("/pixel", json=seen(held, number)))
                for number in range(BROWSERS)
            ]
            await asyncio.sleep(0.2)
            asked = time.monotonic()
            answers = await asyncio.gather(
                client.get("/readyz"), client.post("/pixel", json=seen(other, 0))
            )
            others = [(each.status_code, time.monotonic() - asked) for each in answers]
            found = [each.status_code for each in await asyncio.gather(*crowd)]
            assert time.monotonic() - began < ANSWER_WITHIN_S * BROWSERS / 60
            return found, others

    crowd, others = asyncio.run(browse())
    assert set(crowd) == {503}
    assert [status for status, _ in others] == [200, 204]
    assert max(took for _, took in others) < OTHERS_WITHIN_S


def test_f27_few_threads_wait_for_a_held_shop(held: Shop, app: Starlette) -> None:
    with contextlib.ExitStack() as line:
        for _ in range(db.MAX_WAITING_FOR_SHOP):
            line.enter_context(db._place_in_line(held.id))
        began = time.monotonic()
        with pytest.raises(ShopBusyError), db.transaction() as session:
            db.lock_shop(session, held.id)
        assert time.monotonic() - began < db.WEB_LOCK_TIMEOUT_S * PATIENCE


def test_f27_a_held_shop_leaves_others_their_digest(
    held: Shop, other: Shop, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.connect(database, lock_timeout_s=1)
    keep(held, "customers/create", CUSTOMER)
    keep(other, "customers/create", CUSTOMER)

    assert digest_deliveries() == 2
    assert find_profile(other) is not None
    assert find_profile(held) is None


def test_f27_a_transaction_that_is_idle_for_long_is_ended_by_the_database(database: str) -> None:
    with db.reading() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"
    with pytest.raises(db.TRANSIENT):
        idle()


def idle() -> None:
    with db.transaction() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))
        time.sleep(0.5)
        session.execute(text("SELECT 1"))


def test_f27_a_lock_for_work_outside_the_database_may_be_held_for_long(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        postgres, "settings", lambda _: {"idle_in_transaction_session_timeout": "50"}
    )
    db.connect(database)
    with locks.exclusive("sync-1"):
        time.sleep(0.5)
