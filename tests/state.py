"""What a shop's database says, without the ids that depend on the order in which things came."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, SQLModel, select

from storage.activity import Activity, Counts
from storage.attributions import Attribution
from storage.checkouts import Checkout
from storage.consent import Consent
from storage.consent_ledger import ConsentEvent
from storage.engine import db
from storage.events import Event
from storage.messages import Message
from storage.orders import Order, OrderLine
from storage.products import Product, Variant
from storage.profiles import Identity, Profile, SourceProfile
from storage.visits import Visit


def state_of(shop_id: int) -> dict[str, Any]:
    """Return the shop's facts: each person named by all their identities."""
    with db.reading() as session:
        return state_in(session, shop_id)


def check_activity(session: Session, shop_id: int) -> None:
    """Check that each shopper's daily counts equal a recount of their events."""
    counted: dict[int, Counts] = {}
    for event in session.exec(select(Event).where(Event.shop_id == shop_id)):
        days = counted.setdefault(event.profile_id, {}).setdefault(event.metric, {})
        day = str((event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)).days)
        days[day] = days.get(day, 0) + 1
    table = db.table_of(Activity)
    found = session.connection().execute(table.select().where(table.c.shop_id == shop_id))
    assert {row.profile_id: row.counts for row in found if row.counts} == counted


def state_in(session: Session, shop_id: int) -> dict[str, Any]:
    """The same, as a transaction sees it that is not committed."""
    session.flush()
    check_activity(session, shop_id)

    def rows(model: type[SQLModel]) -> list[dict[str, Any]]:
        table = db.table_of(model)
        found = session.connection().execute(table.select().where(table.c.shop_id == shop_id))
        return [{name: _plain(value) for name, value in row._mapping.items()} for row in found]

    names: dict[int, str] = {}
    for identity in sorted(rows(Identity), key=lambda i: (i["kind"], i["value"])):
        profile = identity["profile_id"]
        names[profile] = names.get(profile, "") + f"{identity['kind']}={identity['value']};"
    for origin in rows(SourceProfile):
        names[origin["id"]] = names[origin["profile_id"]]

    def named(model: type[SQLModel], *without: str) -> list[str]:
        out = []
        for row in rows(model):
            kept = {
                k: v for k, v in row.items() if k not in ("shop_id", "source_profile_id", *without)
            }
            if kept.get("profile_id") is not None:
                kept["profile_id"] = names.get(kept["profile_id"], "nobody")
            out.append(json.dumps(kept, sort_keys=True))
        return sorted(out)

    people = {
        names[row["id"]]: {k: v for k, v in row.items() if k not in ("shop_id", "id")}
        for row in rows(Profile)
    }
    return {
        "people": people,
        "consent": named(Consent, "ledger_entry_id"),
        "ledger": named(ConsentEvent, "id", "recorded_at", "position", "hash"),
        "events": named(Event, "id"),
        "visits": named(Visit, "id"),
        "orders": named(Order),
        "order lines": named(OrderLine),
        "checkouts": named(Checkout),
        "products": named(Product),
        "variants": named(Variant),
        "messages": named(Message, "id", "idempotency_key", "flow_id", "enrolment_id", "event_id"),
        "credits": named(Attribution, "message_id", "flow_id"),
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
