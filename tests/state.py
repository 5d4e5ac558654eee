"""What a shop's database says, without the ids that depend on the order in which things came."""

import json
from typing import Any

from sqlmodel import Session, SQLModel, select

from storage import db
from storage.checkouts import Checkout
from storage.consent import Consent
from storage.events import Event
from storage.ledger import ConsentEvent
from storage.messages import Credit, Message
from storage.orders import Order, OrderLine
from storage.products import Product, Variant
from storage.profiles import Identity, Origin, Profile


def state_of(shop_id: int) -> dict[str, Any]:
    """The shop's facts: each person named by everything that she is known by."""
    with db.reading() as session:
        return state_in(session, shop_id)


def state_in(session: Session, shop_id: int) -> dict[str, Any]:
    """The same, as a transaction sees it that is not committed."""
    session.flush()
    session.expire_all()

    def rows(model: type[SQLModel]) -> list[dict[str, Any]]:
        found = session.exec(select(model).where(model.shop_id == shop_id))  # type: ignore[attr-defined]
        return [row.model_dump(mode="json") for row in found]

    names: dict[int, str] = {}
    for identity in sorted(rows(Identity), key=lambda i: (i["kind"], i["value"])):
        profile = identity["profile_id"]
        names[profile] = names.get(profile, "") + f"{identity['kind']}={identity['value']};"
    for origin in rows(Origin):
        names[origin["id"]] = names[origin["profile_id"]]

    def named(model: type[SQLModel], *without: str) -> list[str]:
        out = []
        for row in rows(model):
            kept = {k: v for k, v in row.items() if k not in ("shop_id", "origin_id", *without)}
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
        "consent": named(Consent, "event_id"),
        "ledger": named(ConsentEvent, "id", "recorded_at", "position", "hash"),
        "events": named(Event, "id"),
        "orders": named(Order),
        "order lines": named(OrderLine),
        "checkouts": named(Checkout),
        "products": named(Product),
        "variants": named(Variant),
        "messages": named(Message, "id", "key", "flow_id", "enrolment_id", "event_id"),
        "credits": named(Credit, "message_id", "flow_id"),
    }
