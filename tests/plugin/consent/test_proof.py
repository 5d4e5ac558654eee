"""The proof of one person's consents holds every field, and says whether it can be trusted."""

import csv
import io
import json

import pytest
from sqlalchemy import text

from plugin import clock
from plugin.cli import privacy
from plugin.consent import proof
from plugin.errors import RegularsError
from plugin.facts import Facts, IdentityKey, ProfileFact
from plugin.ingest.digest import apply_facts
from storage import consent
from storage.consent_ledger import ConsentEvent
from storage.engine import append_only, db
from storage.engine.ids import new_id

MAYA, PHONE = "maya@example.com", "+14155550123"
SAID = {
    "source": "form", "method": "checkbox", "disclosure": "=Text me, up to 4 a month.",
    "form_id": 7,
    "form_version": 3, "page": "https://dewpoint.example/?a=1", "ip": "203.0.113.7",
    "user_agent": "Safari",
}  # fmt: skip


@pytest.fixture
def told(shop):
    """Maya allowed email and texts; the ids of the entries."""
    now = clock.now()
    apply_facts(
        shop,
        Facts(
            profiles=[ProfileFact((IdentityKey("email", MAYA), IdentityKey("phone", PHONE)), now)]
        ),
    )
    rows = [
        {
            "shop_id": shop.id, "id": new_id(), "dedupe_key": channel, "channel": channel,
            "address": address, "state": "subscribed", "occurred_at": now, "recorded_at": now,
        } | SAID
        for channel, address in (("email", MAYA), ("sms", PHONE), ("email", "noah@example.com"))
    ]  # fmt: skip
    with db.transaction() as session:
        consent.record_consent(session, rows)
    return [row["id"] for row in rows]


def tamper(shop) -> None:
    with db.engine().begin() as connection:
        for guard in append_only.GUARDS:
            connection.execute(text(f"DROP TRIGGER {guard}"))
        change = ConsentEvent.__table__.update().where(
            ConsentEvent.shop_id == shop.id, ConsentEvent.channel == "sms"
        )
        connection.execute(change.values(disclosure="I agree to everything"))


def table(shop) -> list[dict[str, str]]:
    text_of = privacy.consent_proof(shop.domain, MAYA, "", "", table=True)
    return list(csv.DictReader(io.StringIO(text_of.removeprefix("\ufeff"))))


def test_a_proof_holds_every_field_of_one_person_and_no_other(shop, told):
    file = json.loads(privacy.consent_proof(shop.domain, MAYA, "", "", table=False))

    assert file["holds"]
    assert file["flaws"] == []
    assert [entry["id"] for entry in file["entries"]] == told[:2]
    assert all(entry.keys() == ConsentEvent.model_fields.keys() for entry in file["entries"])
    assert all(entry.items() >= SAID.items() for entry in file["entries"])
    assert "noah" not in json.dumps(file)


def test_the_table_carries_no_formula(shop, told):
    rows = table(shop)

    assert [row["verdict"] for row in rows] == ["holds", "holds"]
    assert rows[1]["disclosure"] == "'=Text me, up to 4 a month."
    assert rows[1]["address"] == f"'{PHONE}"
    assert rows[1]["form_version"] == "3"


def test_the_proof_says_which_entry_does_not_hold(shop, told):
    tamper(shop)

    file = json.loads(privacy.consent_proof(shop.domain, MAYA, "", "", table=False))
    rows = table(shop)

    said = f"sms {PHONE}: entry 1 (id {told[1]}) is not what was written there."
    assert (file["holds"], file["flaws"]) == (False, [said])
    assert [row["verdict"] for row in rows] == ["holds", said]


def test_the_operator_verifies_every_ledger(shop, told):
    assert proof.check_ledger() == []
    tamper(shop)

    first, second = proof.check_ledger(shop.domain)

    assert first == "The database's guards are down: run `regulars migrate`."
    assert second.startswith(f"{shop.domain}: sms {PHONE}: entry 1 ")
    with pytest.raises(RegularsError, match="no shop"):
        proof.check_ledger("other.myshopify.com")
