"""A shop with a catalog, its seeded mails, a live flow, and one shopper who agreed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from plugin import clock
from plugin.channels.base import Envelope, Provider
from plugin.channels.registry import CHANNELS
from plugin.templates import library
from storage import consent
from storage.channels import Channel
from storage.consent_ledger import ConsentState
from storage.coupons import add_codes, coupons_of
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event
from storage.flows import Enrolment, Flow, FlowStatus
from storage.messages import Message, add_messages, get_message
from storage.products import ProductWithVariants, save_products
from storage.profiles import Profile
from storage.shops import Shop, get_shop

MAYA = "maya@example.com"


class Accepting:
    """A provider that accepts everything at once."""

    name = "accepting"

    def get_ready(self, sender: str) -> None:
        """It is."""

    def send(self, envelope: Envelope, content: Any) -> str:
        """Take it."""
        return ""

    def detects_repeats(self) -> bool:
        """It does not."""
        return False

    def is_set_up(self) -> bool:
        """It always is."""
        return True


def use_provider(monkeypatch: pytest.MonkeyPatch, provider: Provider[Any]) -> None:
    """Send mail by another provider."""
    spec = CHANNELS[Channel.EMAIL]._replace(providers=(provider,))
    monkeypatch.setitem(CHANNELS, Channel.EMAIL, spec)


@dataclass
class World:
    """Ids of what there is."""

    shop: Shop
    ids: dict[str, int]
    flow_id: int
    profile_id: int
    event_id: int
    enrolment_id: int

    def queue(self, template: str = library.FIRST, **changes: Any) -> int:
        """Put a message into the outbox; its id."""
        now = clock.now()
        row = {
            "shop_id": self.shop.id,
            "id": new_id(),
            "idempotency_key": f"flow:{self.flow_id}:{new_id()}:1:email",
            "profile_id": self.profile_id,
            "channel": "email",
            "flow_id": self.flow_id,
            "enrolment_id": self.enrolment_id,
            "event_id": self.event_id,
            "action_id": "1",
            "template_id": self.ids[template],
            "due_at": now - timedelta(seconds=1),
            "created_at": now - timedelta(seconds=1),
        }
        with db.transaction() as session:
            (message_id,) = add_messages(session, [row | changes])
        return message_id

    def read(self, message_id: int) -> Message:
        """A message as it stands now."""
        with db.reading() as session:
            found = get_message(session, self.shop.id, message_id)
        assert found is not None
        return found

    def change(self, model: type, key: int, **changes: Any) -> None:
        """Change a row of the shop's."""
        with db.transaction() as session:
            row = session.get(model, (self.shop.id, key))
            for name, value in changes.items():
                setattr(row, name, value)
            session.add(row)

    def change_shop(self, **changes: Any) -> None:
        """Change the shop itself."""
        with db.transaction() as session:
            row = get_shop(session, self.shop.id)
            assert row is not None
            for name, value in changes.items():
                setattr(row, name, value)
            session.add(row)

    def say(self, state: str, address: str = MAYA) -> None:
        """Put a word into the consent ledger."""
        with db.transaction() as session:
            consent.record_consent(session, [consent_row(self.shop.id, state, address)])


def consent_row(shop_id: int, state: str, address: str) -> dict[str, Any]:
    """A row of the ledger."""
    now = clock.now()
    return {
        "shop_id": shop_id,
        "id": new_id(),
        "dedupe_key": str(new_id()),
        "channel": "email",
        "address": address,
        "state": state,
        "occurred_at": now,
        "recorded_at": now,
        "source": "form",
    }


def build(shop: Shop) -> World:
    """Fill the connected database."""
    now = clock.now()
    ids = {name: new_id() for name in ("flow", "profile", "event", "enrolment")}
    with db.transaction() as session:
        seeded = library.seed_templates(session, shop)
        library.use_welcome_mail(session, shop, "skincare_quiz")
        seeded["coupon"] = coupons_of(session, shop.id)[0].id
        add_codes(session, shop.id, seeded["coupon"], ["WELCOME-A", "WELCOME-B"])
        for number, need in enumerate(["hydration", "blemishes", "sensitivity", "firmness"] * 2, 1):
            save_products(
                session, shop.id, [ProductWithVariants(product_row(shop.id, number, need), [])]
            )
        consent.record_consent(session, [consent_row(shop.id, ConsentState.SUBSCRIBED, MAYA)])
        session.add(
            Profile(
                shop_id=shop.id, id=ids["profile"], email=MAYA, first_name="Maya", locale="en-US",
                properties={"skin_need": "hydration"}, created_at=now, last_active_at=now,
            )
        )  # fmt: skip
        session.add(
            Flow(
                shop_id=shop.id, id=ids["flow"], name="Abandoned checkout", status=FlowStatus.LIVE,
                trigger="metric:Checkout Started", created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.add(
            Enrolment(
                shop_id=shop.id, id=ids["enrolment"], flow_id=ids["flow"], version=1,
                profile_id=ids["profile"], trigger_key="cause", state="finished", action_id="1",
                due_at=now, started_at=now, entered_at=now,
            )
        )  # fmt: skip
        session.add(
            Event(
                shop_id=shop.id, id=ids["event"], profile_id=ids["profile"],
                metric="Checkout Started", unique_id="c1", occurred_at=now, value=9800,
                currency="USD",
                properties={
                    "checkout_token": "c1",
                    "checkout_url": "http://127.0.0.1:8001/checkouts/c1?key=a&b=c",
                    "item_count": 3,
                    "lines": [
                        {"title": "Thing 1", "variant_title": "30 ml", "quantity": 2,
                         "price": 3800, "product_id": 1},
                        {"title": "Thing 2", "variant_title": "", "quantity": 1, "price": 2200,
                         "product_id": 2},
                    ],
                },
            )
        )  # fmt: skip
    return World(
        shop, seeded, ids["flow"], ids["profile"], ids["event"], ids["enrolment"]
    )  # fmt: skip


def product_row(shop_id: int, number: int, need: str) -> dict[str, Any]:
    """A product that answers to a need."""
    return {
        "shop_id": shop_id,
        "id": number,
        "title": f"Thing {number}",
        "handle": f"thing-{number}",
        "description": "",
        "kind": "Serum",
        "tags": [need],
        "image": f"http://127.0.0.1:8001/{number}.svg",
        "price": 1000 * number,
        "status": "active",
        "published_at": clock.now(),
        "updated_at": clock.now(),
        "reported_at": clock.now(),
    }
