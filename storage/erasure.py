"""Erasure: how each table forgets a shopper, or a whole shop, in bounded pieces.

Rows about a shopper (`storage.data_subject`) are deleted, unless reports or the law need them: then
they stay without the shopper.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

from sqlalchemy import ColumnElement, Table, delete, or_, tuple_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col

from storage import consent_ledger
from storage.arrivals import empty_arrivals
from storage.attributions import Attribution
from storage.backfills import BackfillLine
from storage.consent import Consent
from storage.consent_ledger import FORGOTTEN, ConsentChain, ConsentEvent
from storage.coupons import CouponCode
from storage.data_subject import CONDITIONS, addresses, condition, enrolments, orders, tables
from storage.engine import bulk
from storage.engine.append_only import ErasurePermit, permit_erasure
from storage.engine.ids import new_id
from storage.flows import Enrolment, StepLog
from storage.inbox import Delivery, DeliveryState, delete_deliveries
from storage.ledger_audit import violations_at
from storage.messages import Message, MessageState, SkipReason
from storage.metrics import delete_unused_metrics
from storage.orders import Order, OrderLine
from storage.preferences import Preference
from storage.privacy_requests import DataSubject, PrivacyRequest, keyed_hash
from storage.profiles import Identity, Profile
from storage.shops import Shop

ROWS_BATCH_SIZE = 1_000  # rows in one transaction
ANONYMOUS_ID = 0  # the profile of a message with a redacted recipient


def detach_subject(session: Session, shop_id: int, subject: DataSubject) -> None:
    """Delete what leads to a data subject, so that later facts start a new profile."""
    connection = session.connection()
    if subject.profile_ids:
        for table, ids in ((Identity, Identity.profile_id), (Profile, Profile.id)):
            connection.execute(
                delete(table).where(
                    col(table.shop_id) == shop_id,
                    col(ids).in_(subject.profile_ids),
                )
            )
        # An unsubscribe link would record their address anew until `erase_batch` reaches its
        # message.
        connection.execute(
            update(Message)
            .where(
                col(Message.shop_id) == shop_id, col(Message.profile_id).in_(subject.profile_ids)
            )
            .values(address="")
        )
    _blank_ledger(session, shop_id, subject)
    if subject.addresses:
        for state in (Consent, ConsentChain, Preference):
            connection.execute(
                delete(state).where(col(state.shop_id) == shop_id, addresses(state, subject))
            )
    session.expire_all()


def erase_batch(session: Session, shop_id: int, subject: DataSubject) -> bool:
    """Erase a bounded part of a data subject's rows; False when none are left.

    Enrolments and messages go first: a worker on one holds its row and writes the others.
    """
    stages: list[Callable[[], int]] = [
        lambda: _erase_enrolments(session, shop_id, subject),
        lambda: _blank_messages(session, shop_id, subject),
        lambda: _blank_orders(session, shop_id, subject),
    ]
    stages += [
        partial(_delete_some, session, table, shop_id, condition(table, shop_id, subject))
        for table in tables()
        if table.name in PAIR_TABLES
        or ("profile_id" in table.c and table.name not in BLANKED_COLUMNS)
    ]
    stages.append(lambda: delete_unused_metrics(session, shop_id))
    return any(stage() for stage in stages)


PAIR_TABLES = frozenset(("merge", "duplicate"))  # of two profiles
BLANKED_COLUMNS = frozenset(("message", "orders", "consent_event"))


def _delete_some(
    session: Session, table: Table, shop_id: int, where: ColumnElement[bool] | None = None
) -> int:
    # Without the shop, which is named beside it: SQLite would go through all of the shop for it.
    key = [column for column in table.primary_key if column.name != "shop_id"]
    key = key or [table.c.shop_id]
    some = columns(*key).where(table.c.shop_id == shop_id).limit(ROWS_BATCH_SIZE)
    if where is not None:
        some = some.where(where)
    gone = delete(table).where(table.c.shop_id == shop_id, tuple_(*key).in_(some))
    return session.connection().execute(gone).rowcount


def _erase_enrolments(session: Session, shop_id: int, subject: DataSubject) -> int:
    ids = list(
        session.connection()
        .execute(enrolments(shop_id, subject).limit(ROWS_BATCH_SIZE).with_for_update())
        .scalars()
    )
    for table, column in ((StepLog, StepLog.enrolment_id), (Enrolment, Enrolment.id)):
        session.connection().execute(
            delete(table).where(
                col(table.shop_id) == shop_id,
                col(column).in_(ids),
            )
        )
    return len(ids)


def _blank_messages(session: Session, shop_id: int, subject: DataSubject) -> int:
    """Keep messages for the reports without a profile, under new ids, since mail relays know the
    old.
    """
    of_shop = col(Message.shop_id) == shop_id
    rows = list(
        session.connection().execute(
            columns(col(Message.id), col(Message.idempotency_key), col(Message.state))
            .where(of_shop, col(Message.profile_id).in_(subject.profile_ids))
            .limit(ROWS_BATCH_SIZE)
            .with_for_update()
        )
    )
    for old_id, key, state in rows:
        fresh = new_id()
        dropped: dict[str, MessageState | SkipReason] = {}
        if state in (MessageState.DUE, MessageState.SENDING):
            dropped = {"state": MessageState.SKIPPED, "skip_reason": SkipReason.NO_PROFILE}
        session.connection().execute(
            update(Message)
            .where(of_shop, col(Message.id) == old_id)
            .values(
                id=fresh, idempotency_key=f"forgotten:{fresh}", profile_id=ANONYMOUS_ID,
                source_profile_id=None, address="", enrolment_id=None, event_id=None, locale="",
                subject="", coupon_code=None, links=[], **dropped,
            )
        )  # fmt: skip
        session.connection().execute(
            update(Attribution)
            .where(col(Attribution.shop_id) == shop_id, col(Attribution.message_id) == old_id)
            .values(message_id=fresh)
        )
        session.connection().execute(
            update(CouponCode)
            .where(col(CouponCode.shop_id) == shop_id, col(CouponCode.message_key) == key)
            .values(message_key=f"forgotten:{fresh}", redeemed_order_id=None)
        )
    return len(rows)


class AnonymousOrder(TypedDict):
    """What an order loses with its customer, beside its profile."""

    number: str
    checkout_token: str | None
    cart_token: str | None
    discount_codes: list[str]
    status_url: str


ANONYMOUS_ORDER: AnonymousOrder = {
    "number": "",
    "checkout_token": None,
    "cart_token": None,
    "discount_codes": [],
    "status_url": "",
}


def _blank_orders(session: Session, shop_id: int, subject: DataSubject) -> int:
    """Keep an order's amounts and goods for the reports, without the customer."""
    named = or_(
        col(Order.profile_id).is_not(None), col(Order.number) != "", col(Order.status_url) != ""
    )
    ids = list(
        session.connection()
        .execute(orders(shop_id, subject).where(named).limit(ROWS_BATCH_SIZE).with_for_update())
        .scalars()
    )
    change = session.connection().execute
    change(
        update(Order)
        .where(col(Order.shop_id) == shop_id, col(Order.id).in_(ids))
        .values(profile_id=None, source_profile_id=None, **ANONYMOUS_ORDER)
    )
    change(  # a line without a product has a title typed by hand
        update(OrderLine)
        .where(
            col(OrderLine.shop_id) == shop_id,
            col(OrderLine.order_id).in_(ids),
            col(OrderLine.product_id).is_(None),
        )
        .values(title="")
    )
    change(
        update(CouponCode)
        .where(col(CouponCode.shop_id) == shop_id, col(CouponCode.redeemed_order_id).in_(ids))
        .values(redeemed_order_id=None)
    )
    return len(ids)


def _blank_ledger(session: Session, shop_id: int, subject: DataSubject) -> None:
    """Keep the proof of a consent under the keyed hash of its address, in case it is disputed.

    GDPR, article 17(3)(e): erasure does not reach what a legal claim is defended with. It is done
    at once: a later entry begins a new chain. In another person's chain only the data subject's
    words are blanked.
    """
    own = set(subject.addresses)
    places = {
        (channel, address): FORGOTTEN + keyed_hash("suppression", f"{shop_id}:{channel}:{address}")
        if (channel, address) in own
        else address
        for channel, address in session.connection().execute(
            columns(col(ConsentEvent.channel), col(ConsentEvent.address))
            .where(
                col(ConsentEvent.shop_id) == shop_id,
                CONDITIONS["consent_event"](shop_id, subject),
                col(ConsentEvent.address).not_like(f"{FORGOTTEN}%"),
            )
            .distinct()
        )
    }
    consent_ledger.lock_chains(
        session, shop_id, {*places, *((place[0], to) for place, to in places.items())}
    )
    flawed = {flaw.entry_id for flaw in violations_at(session, shop_id, sorted(places))}
    for place, entries in consent_ledger.entries_at(session, shop_id, places).items():
        erased = {
            entry["id"]
            for entry in entries
            if place in own or entry["profile_id"] in subject.profile_ids
        }
        consent_ledger.rewrite_chain(
            session, shop_id, place, address=places[place], erased=erased, flawed=flawed
        )


def blank_deliveries(session: Session, shop_id: int, webhook_ids: Sequence[str]) -> None:
    """Empty deliveries that are digested or never will be; their ids stay: each counts once."""
    blanked = session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id,
            col(Delivery.webhook_id).in_(webhook_ids),
            col(Delivery.state) != DeliveryState.NEW,
        )
        .values(state=DeliveryState.DONE, error="")
        .returning(col(Delivery.arrival_id))
    )
    empty_arrivals(session, shop_id, list(blanked.scalars()))


def delete_pairs(session: Session, shop_id: int, families: Sequence[tuple[str, str]]) -> None:
    """Drop what waits of a reading of the past, by (stage, root)."""
    session.connection().execute(
        delete(BackfillLine).where(
            col(BackfillLine.shop_id) == shop_id,
            bulk.is_among_pairs(col(BackfillLine.stage), col(BackfillLine.root), families),
        )
    )


def empty_shop(session: Session, shop_id: int) -> bool:
    """Delete some of a shop's rows, its requests for privacy last; False when nothing is left."""
    last = (PrivacyRequest.__tablename__, ErasurePermit.__tablename__)
    with permit_erasure(session, shop_id):
        return any(
            _delete_some(session, table, shop_id) for table in tables() if table.name not in last
        )


def empty_inbox(session: Session, shop_id: int) -> bool:
    """Delete some of a shop's deliveries; False when none is left."""
    return delete_deliveries(session, shop_id, ROWS_BATCH_SIZE)


def delete_shop(session: Session, shop_id: int) -> None:
    """Delete a shop that is empty, with its requests."""
    for table, key in ((PrivacyRequest, PrivacyRequest.shop_id), (Shop, Shop.id)):
        session.connection().execute(delete(table).where(col(key) == shop_id))
    session.expire_all()
