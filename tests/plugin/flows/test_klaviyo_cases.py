"""Definitions that Klaviyo's schema allows: each is honoured, or refused by its field's name."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugin import clock
from plugin.errors import RegularsError
from plugin.flows.library import add_flow, set_status
from plugin.templates import library as template_library
from storage.engine import db
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.plugin.ingest.storefront import Storefront

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("klaviyo_cases.json").read_text())
HONOURED = {"add_tracking_params"}  # of those that count no mails: see test_messages_of_flows
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANA: list[tuple[str, dict[str, Any]]] = [
    ("customers/create", {"id": 101, "email": "ana@example.com", "updated_at": START.isoformat()}),
    ("customers_email_marketing_consent/update", {
        "customer_id": 101, "email_address": "ana@example.com",
        "email_marketing_consent": {
            "state": "subscribed", "opt_in_level": "single_opt_in",
            "consent_updated_at": "2026-11-01T10:00:00Z",
        },
    }),
]  # fmt: skip


@pytest.fixture
def store(shop: Shop, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Storefront:
    found = Storefront(shop, relay, START)
    monkeypatch.setattr(clock, "now", lambda: found.now)
    found.play(ANA)
    return found


def save(shop: Shop, definition: dict[str, Any]) -> str:
    """Save a flow and turn it on; the sentence that refuses it, or nothing."""
    with db.transaction() as session:
        template_id = template_library.seed_templates(session, shop)[template_library.FIRST]
        for action in definition["actions"]:
            message = (action.get("data") or {}).get("message") or {}
            if message.get("template_id"):
                message["template_id"] = str(template_id)
        try:
            flow_id = add_flow(session, shop.id, "Flow", definition)
        except RegularsError as error:
            return error.message
    set_status(shop.id, flow_id, True)
    return ""


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_a_definition_is_honoured_or_refused_by_its_field(
    store: Storefront, case: dict[str, Any]
) -> None:
    refusal = save(store.shop, case["definition"])
    if not refusal and case["field"] in HONOURED:
        return
    if refusal or case["mails"] is None:
        assert all(word in refusal for word in case["field"].split()), case["means"]
        return

    store.play(case["steps"])

    assert store.ask("reminders", []) == case["mails"], case["means"]
