"""What stores tell, and what is then right: small histories, each with its reason and source."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugin import clock
from storage.engine import db
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.plugin.ingest.storefront import Storefront

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("storefront_cases.json").read_text()
)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def store(shop: Shop, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Storefront:
    found = Storefront(shop, relay, START)
    monkeypatch.setattr(clock, "now", lambda: found.now)
    return found


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_what_a_store_tells_comes_to_what_is_right(store: Storefront, case: dict[str, Any]) -> None:
    if "shop" in case:
        with db.transaction() as session:
            for name, value in case["shop"].items():
                setattr(store.shop, name, value)
            session.merge(store.shop)
    store.play(case["deliveries"])

    found = {each["fact"]: store.ask(each["ask"], each["of"]) for each in case["expected"]}
    assert found == {each["fact"]: each["value"] for each in case["expected"]}, case["why"]
