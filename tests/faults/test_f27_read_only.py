"""F27: a PostgreSQL that is read-only for a while, as in a failover, is waited for."""

from collections.abc import Callable

import psycopg
import pytest
from starlette.testclient import TestClient

from plugin.ingest.digest import digest_deliveries
from plugin.runtime import web
from plugin.worker import scheduler
from storage.engine import db
from storage.shops import Shop
from tests.plugin.ingest.test_digest import CUSTOMER, keep, profile
from webhooks.app import routes

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def read_only(database: str) -> Callable[[bool], None]:
    """Let the database take no writes, or take them again."""

    def switch(on: bool) -> None:
        name = db.engine().url.database
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {on}")
        db.engine().dispose()  # a failover ends every connection

    return switch


def test_f27_a_read_only_database_ends_no_clock_and_costs_no_try(
    database: str, shop: Shop, read_only: Callable[[bool], None]
) -> None:
    keep(shop, "customers/create", CUSTOMER)
    read_only(True)
    for act in (lambda: scheduler.run_tick(0), digest_deliveries):
        with pytest.raises(db.TRANSIENT):  # which the clock logs, and then goes on
            act()

    read_only(False)
    scheduler.run_tick(0)
    assert digest_deliveries() == 1
    assert profile(shop) is not None


def test_f27_the_web_says_503_while_the_database_is_read_only(
    database: str,
    shop: Shop,
    read_only: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)
    seen = {"id": "e-1", "name": "page_viewed", "timestamp": "2026-11-21T12:00:00Z",
            "client_id": "b-1", "url": "http://127.0.0.1:8001/", "data": {}}  # fmt: skip
    with TestClient(web.build_app(routes(), https=False)) as client:
        read_only(True)
        answers = [
            client.get("/readyz").status_code,
            client.post("/pixel", json={"shop": shop.domain, "events": [seen]}).status_code,
        ]
        assert answers == [503, 503]
        read_only(False)
