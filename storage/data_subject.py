"""Find the data subject behind some identities, and every row about them in any table.

A table with a `profile_id` is about its shopper. Every other table must be listed in
`CONDITIONS`, `RAW_TABLES` or `UNRELATED_TABLES`; a test fails otherwise.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, func, or_, tuple_
from sqlalchemy import select as columns
from sqlmodel import Session, SQLModel, col, select

from storage.arrivals import Arrival
from storage.attributions import Attribution
from storage.backfills import BackfillLine
from storage.channels import IDENTITY_KIND, channels_reached_by
from storage.checkouts import Checkout
from storage.consent import Consent
from storage.consent_ledger import ConsentChain, ConsentEvent, stands_at
from storage.coupons import CouponCode
from storage.duplicates import Duplicate
from storage.engine import bulk
from storage.flows import Enrolment, StepLog
from storage.inbox import Delivery
from storage.merges import load_sources
from storage.messages import Message
from storage.orders import Order, OrderLine
from storage.preferences import Preference
from storage.privacy_requests import DataSubject, anonymous_browser_keys
from storage.profiles import (
    IdentityKind,
    Merge,
    Profile,
    RecordKind,
    find_identities,
    identities_of,
)
from storage.tables import INBOX_TABLES
from storage.write_backs import WriteBack

DELIVERIES_PAGE_SIZE = 200  # deliveries read at once; a body has 6 MB at most

# Tables without rows about a shopper: what merchants make, the storefront's goods, keyed hashes.
UNRELATED_TABLES = frozenset((
    "backfill", "collection", "coupon", "erasure_permit", "rejected_event", "flow", "flow_version",
    "redacted_identity", "form", "form_stat", "form_version", "import_problem",
    "inventory_level", "list", "mailbox_count", "market_reading",
    "metric", "app_plan", "privacy_request", "product", "product_title", "profile_import",
    "property_definition",
    "reconciliation", "repair", "sender_address", "stock", "suppression", "stored_count",
    "template", "template_version",
    "topic", "variant", "variant_price",
))  # fmt: skip

# Among them those that hold a shopper's words until they are redacted.
WITH_WORDS = frozenset(("metric", "privacy_request"))


def addresses(table: Any, subject: DataSubject) -> ColumnElement[bool]:
    """Select a ledger's rows about the addresses of a data subject."""
    found: ColumnElement[bool] = stands_at(table, subject.addresses)
    return found


def enrolments(shop_id: int, subject: DataSubject) -> Any:
    return columns(col(Enrolment.id)).where(
        col(Enrolment.shop_id) == shop_id, col(Enrolment.profile_id).in_(subject.profile_ids)
    )


def messages(shop_id: int, subject: DataSubject, column: Any) -> Any:
    return columns(column).where(
        col(Message.shop_id) == shop_id, col(Message.profile_id).in_(subject.profile_ids)
    )


def orders(shop_id: int, subject: DataSubject) -> Any:
    return columns(col(Order.id)).where(
        col(Order.shop_id) == shop_id,
        or_(col(Order.profile_id).in_(subject.profile_ids), col(Order.id).in_(subject.order_ids)),
    )


# The storefront's payloads as they came, before they are parsed: only their text names people.
RAW_TABLES = frozenset(("backfill_line", "arrival", "delivery"))

# Which rows of a table are about a data subject, where `profile_id` alone does not tell.
CONDITIONS: dict[str, Callable[[int, DataSubject], ColumnElement[bool]]] = {
    "profile": lambda _, subject: col(Profile.id).in_(subject.profile_ids),
    "merge": lambda _, subject: or_(
        col(Merge.source_profile_id).in_(subject.profile_ids),
        col(Merge.other_source_profile_id).in_(subject.profile_ids),
    ),
    "duplicate": lambda _, subject: or_(
        col(Duplicate.profile_id).in_(subject.profile_ids),
        col(Duplicate.other_profile_id).in_(subject.profile_ids),
    ),
    "consent": lambda _, subject: addresses(Consent, subject),
    "preference": lambda _, subject: addresses(Preference, subject),
    "consent_chain": lambda _, subject: addresses(ConsentChain, subject),
    "consent_event": lambda _, subject: or_(
        col(ConsentEvent.profile_id).in_(subject.profile_ids), addresses(ConsentEvent, subject)
    ),
    "write_back": lambda _, subject: or_(
        col(WriteBack.profile_id).in_(subject.profile_ids),
        bulk.is_among_pairs(col(WriteBack.kind), col(WriteBack.name), subject.addresses),
    ),
    "orders": lambda _, subject: or_(
        col(Order.profile_id).in_(subject.profile_ids), col(Order.id).in_(subject.order_ids)
    ),
    "order_line": lambda shop_id, subject: col(OrderLine.order_id).in_(orders(shop_id, subject)),
    "step_log": lambda shop_id, subject: col(StepLog.enrolment_id).in_(
        enrolments(shop_id, subject)
    ),
    "attribution": lambda shop_id, subject: or_(
        col(Attribution.message_id).in_(messages(shop_id, subject, col(Message.id))),
        col(Attribution.order_id).in_(orders(shop_id, subject)),
    ),
    "coupon_code": lambda shop_id, subject: or_(
        col(CouponCode.message_key).in_(messages(shop_id, subject, col(Message.idempotency_key))),
        col(CouponCode.redeemed_order_id).in_(orders(shop_id, subject)),
    ),
}


def tables() -> list[Table]:
    """Every table of a shop's rows but the inbox."""
    return [
        table
        for table in SQLModel.metadata.sorted_tables
        if "shop_id" in table.c and table.name not in INBOX_TABLES
    ]


def personal_tables() -> list[str]:
    """The names of the tables that may hold rows about a data subject."""
    names = [table.name for table in SQLModel.metadata.sorted_tables if "shop_id" in table.c]
    return [name for name in names if name not in UNRELATED_TABLES or name in WITH_WORDS]


def find_subject(session: Session, shop_id: int, keys: Iterable[tuple[str, str]]) -> DataSubject:
    """Return every identity of the person behind these identities, and all their profiles."""
    known = set(keys)
    ids = set(find_identities(session, shop_id, known).values())
    known |= {(i.kind, i.value) for i in identities_of(session, shop_id, sorted(ids))}
    apart = find_identities(session, shop_id, anonymous_browser_keys(shop_id, known))
    ids |= set(apart.values())
    known |= apart.keys()
    merged = ids | load_sources(session, shop_id, ids).keys()
    subject = DataSubject(sorted(known), sorted(merged))
    claimed = _claimed(session, shop_id, subject)
    subject.unproven = sorted(
        key for key in claimed - known if key[0] in (IdentityKind.EMAIL, IdentityKind.PHONE)
    )
    subject.keys = sorted(known | claimed)
    subject.order_ids = sorted(
        {int(value) for kind, value in subject.keys if kind == RecordKind.ORDER and value.isdigit()}
        | set(session.connection().execute(orders(shop_id, subject)).scalars())
    )
    subject.keys = sorted(
        {*subject.keys, *((RecordKind.ORDER, str(number)) for number in subject.order_ids)}
    )
    return subject


def _claimed(session: Session, shop_id: int, subject: DataSubject) -> set[tuple[str, str]]:
    """Return addresses that they typed into a form or that a message went to, unless another person
    claims them.
    """
    typed: set[tuple[str, str | None]] = set()
    of = (shop_id, subject.profile_ids)
    for email, phone in session.exec(
        select(Profile.email, Profile.phone).where(
            Profile.shop_id == of[0], col(Profile.id).in_(of[1])
        )
    ):
        typed |= {(IdentityKind.EMAIL, email), (IdentityKind.PHONE, phone)}
    for table, column in ((ConsentEvent, ConsentEvent.address), (Message, Message.address)):
        for channel, address in session.exec(
            select(table.channel, column)
            .where(table.shop_id == of[0], col(table.profile_id).in_(of[1]))
            .distinct()
        ):
            typed.add((IDENTITY_KIND[channel], address))
    for token in session.exec(
        select(Checkout.token).where(Checkout.shop_id == of[0], col(Checkout.profile_id).in_(of[1]))
    ):
        typed |= {(IdentityKind.CHECKOUT, token), (IdentityKind.CART, token)}  # its link's: either
    identities = {(kind, value) for kind, value in typed if value}
    owners = find_identities(session, shop_id, identities)
    free = {key for key in identities - owners.keys() if _is_alone(session, shop_id, key, subject)}
    return free | {key for key in identities & owners.keys() if owners[key] in subject.profile_ids}


def _is_alone(session: Session, shop_id: int, key: tuple[str, str], subject: DataSubject) -> bool:
    """Return whether an address belongs to no other profile's identities or consent."""
    kind, value = key
    if kind not in (IdentityKind.EMAIL, IdentityKind.PHONE):
        return True
    channels = channels_reached_by(kind)
    column = Profile.email if kind == IdentityKind.EMAIL else Profile.phone
    others = (
        select(Profile.id).where(
            Profile.shop_id == shop_id, column == value, col(Profile.id).not_in(subject.profile_ids)
        ),
        select(ConsentEvent.id).where(
            ConsentEvent.shop_id == shop_id,
            col(ConsentEvent.channel).in_(channels),
            ConsentEvent.address == value,
            col(ConsentEvent.profile_id).not_in(subject.profile_ids),
        ),
    )
    return not any(session.exec(query.limit(1)).first() for query in others)


def condition(table: Table, shop_id: int, subject: DataSubject) -> ColumnElement[bool] | None:
    """Return which rows of a table are about a data subject; None if it has none or is raw."""
    if table.name in CONDITIONS:
        return CONDITIONS[table.name](shop_id, subject)
    return table.c.profile_id.in_(subject.profile_ids) if "profile_id" in table.c else None


def rows_about(
    session: Session, shop_id: int, subject: DataSubject
) -> dict[str, list[dict[str, object]]]:
    """Return every row about a data subject, by table."""
    found: dict[str, list[dict[str, object]]] = {}
    for table in tables():
        where = condition(table, shop_id, subject)
        if where is None:
            continue
        rows = session.connection().execute(
            columns(table).where(table.c.shop_id == shop_id, where).order_by(*table.primary_key)
        )
        if kept := [dict(row._mapping) for row in rows]:
            found[table.name] = kept
    return found


def deliveries_page(session: Session, shop_id: int, after: str, until: datetime) -> Sequence[Any]:
    """Some deliveries by id that came by a moment: webhook_id, topic, received_at, state, body."""
    return (
        session.connection()
        .execute(
            columns(
                col(Delivery.webhook_id),
                col(Delivery.topic),
                col(Delivery.received_at),
                col(Delivery.state),
                col(Arrival.body),
            )
            .join(Arrival, col(Arrival.id) == col(Delivery.arrival_id))
            .where(
                col(Arrival.shop_id) == shop_id,
                col(Delivery.shop_id) == shop_id,
                col(Delivery.webhook_id) > after,
                col(Delivery.received_at) <= until,
                func.length(col(Arrival.body)) > 0,
            )
            .order_by(col(Delivery.webhook_id))
            .limit(DELIVERIES_PAGE_SIZE)
        )
        .all()
    )


def lines_page(session: Session, shop_id: int, after: tuple[str, str, int]) -> Sequence[Any]:
    """Some lines of a reading of the past that wait to be taken in: stage, root, line, body."""
    line = BackfillLine
    place = (col(line.stage), col(line.root), col(line.line))
    return (
        session.connection()
        .execute(
            columns(*place, col(line.body))
            .where(col(line.shop_id) == shop_id, tuple_(*place) > after)
            .order_by(*place)
            .limit(DELIVERIES_PAGE_SIZE)
        )
        .all()
    )
