"""An outbox to send: shoppers who left a checkout, and for each the first mail of the ready-made
flow, due now.
"""

from datetime import datetime

from sqlmodel import Session, func, select

from plugin import clock, onboard
from plugin.messages.send import send_messages
from plugin.templates import library
from storage import consent
from storage.channels import Channel
from storage.consent_ledger import ConsentEntry, ConsentSource, ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event
from storage.flows import Enrolment, EnrolmentState, Flow, FlowStatus
from storage.message_claims import claim_due
from storage.messages import Message, MessageRow, MessageState, add_messages
from storage.products import ProductWithVariants, ReportedProduct, save_products
from storage.profiles import Profile
from storage.shops import add_shop
from storage.templates import templates_of

DOMAIN, SENDER = "dewpoint.myshopify.com", "hello@dewpoint.example"
BATCH = 500  # as many as the clock offers at once
LINES = 12  # of a checkout; with them a mail has some 30 KB


def fill(count: int) -> int:
    """Fill the connected database with so many due mails; the shop's id."""
    now = clock.now()
    with db.transaction() as session:
        shop_id = add_shop(
            session, DOMAIN, now, name="Dewpoint", currency="USD", language="en",
            email=SENDER, sender_email=SENDER, postal_address="12 Mill Lane, Bath BA1 1AA, UK",
        ).id  # fmt: skip
    onboard.seed_library(shop_id)
    with db.transaction() as session:
        for number in range(1, LINES + 1):
            save_products(session, shop_id, [ProductWithVariants(_product(number), [])])
        trigger = "metric:Checkout Started"
        mine = select(Flow).where(Flow.shop_id == shop_id, Flow.trigger == trigger)
        flow = session.exec(mine).one()
        flow.status = FlowStatus.LIVE
        session.add(flow)
        template_id = _template(session, shop_id)
        flow_id, version = flow.id, flow.version
    for first in range(0, count, BATCH):
        with db.transaction() as session:
            rows = [
                _shopper(session, shop_id, (flow_id, version, template_id), number)
                for number in range(first, min(count, first + BATCH))
            ]
            session.flush()
            add_messages(session, rows)
    return shop_id


def send_all(shop_id: int) -> None:
    """Claim what is due as the clock does, and send it as a sender does, until nothing is."""
    while True:
        with db.transaction() as session:
            keys = claim_due(session, clock.now(), BATCH, transactional=False)
        if not keys:
            return
        send_messages(shop_id, [message_id for _, message_id in keys])


def count_accepted(shop_id: int) -> int:
    """How many of a shop's messages a provider accepted."""
    with db.reading() as session:
        accepted = select(func.count()).where(
            Message.shop_id == shop_id, Message.state == MessageState.ACCEPTED
        )
        return session.exec(accepted).one()


def _template(session: Session, shop_id: int) -> int:
    name = library.MAILS[library.FIRST].name
    return next(each.id for each in templates_of(session, shop_id) if each.name == name)


def _shopper(session: Session, shop_id: int, of: tuple[int, int, int], number: int) -> MessageRow:
    """One shopper with their checkout; the row of their mail."""
    flow_id, version, template_id = of
    now, profile_id, event_id, enrolment_id = clock.now(), new_id(), new_id(), new_id()
    address = f"shopper-{number}@example.com"
    consent.record_consent(session, [_consent(shop_id, profile_id, address, now)])
    session.add(Profile(
        shop_id=shop_id, id=profile_id, email=address, first_name=f"Maya {number}",
        locale="en-US", created_at=now, last_active_at=now,
    ))  # fmt: skip
    session.add(Event(
        shop_id=shop_id, id=event_id, profile_id=profile_id, metric="Checkout Started",
        unique_id=f"c{number}", occurred_at=now, value=9_800, currency="USD",
        properties={
            "checkout_token": f"c{number}",
            "checkout_url": f"https://dewpoint.example/checkouts/c{number}?key=a&b=c",
            "lines": [
                {"title": f"Hydrating serum no. {line}", "variant_title": "30 ml", "quantity": 2,
                 "price": 3_800, "product_id": line}
                for line in range(1, LINES + 1)
            ],
        },
    ))  # fmt: skip
    session.add(Enrolment(
        shop_id=shop_id, id=enrolment_id, flow_id=flow_id, version=version,
        profile_id=profile_id, trigger_key=f"c{number}", event_id=event_id,
        state=EnrolmentState.FINISHED, action_id="1", due_at=now, started_at=now, entered_at=now,
    ))  # fmt: skip
    return {
        "shop_id": shop_id, "id": new_id(), "idempotency_key": f"flow:{enrolment_id}:1:email",
        "profile_id": profile_id, "channel": Channel.EMAIL, "transactional": False,
        "flow_id": flow_id, "enrolment_id": enrolment_id, "event_id": event_id, "action_id": "1",
        "template_id": template_id, "due_at": now, "created_at": now,
    }  # fmt: skip


def _consent(shop_id: int, profile_id: int, address: str, now: datetime) -> ConsentEntry:
    return {
        "shop_id": shop_id, "id": new_id(), "dedupe_key": address, "channel": Channel.EMAIL,
        "address": address, "state": ConsentState.SUBSCRIBED, "occurred_at": now,
        "recorded_at": now, "source": ConsentSource.FORM, "profile_id": profile_id,
    }  # fmt: skip


def _product(number: int) -> ReportedProduct:
    now = clock.now()
    return {
        "id": number, "title": f"Hydrating serum no. {number}", "handle": f"serum-{number}",
        "description": "", "kind": "Serum", "tags": ["hydration"],
        "image": f"https://dewpoint.example/files/serum-{number}.jpg", "price": 3_800,
        "status": "active", "published_at": now, "updated_at": now, "reported_at": now,
    }  # fmt: skip
