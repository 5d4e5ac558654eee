"""Messages: one to one address, its way from `due` to delivered or refused, and what it earned."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict

from sqlalchemy import Index, func, text, tuple_
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.channels import Channel
from storage.counts import Count, count_up_to
from storage.engine import db
from storage.engine.types import big, enum_column, json_column, moment, origin, row_key, shop_key

LEASE_S = 15.0  # an offer that no worker took is made again after this
# no provider call may last longer; after this no worker is sending it any more
SENDING_LEASE_S = 120.0


class MessageState(StrEnum):
    """`due → sending → accepted | failed | ambiguous`, or `skipped` with the reason."""

    DUE = "due"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    SKIPPED = "skipped"


class MessageSource(StrEnum):
    """What a message comes from."""

    FLOW = "flow"
    CONFIRMATION = "confirmation"  # what its receiver asked for, by mail to the address itself


class SkipReason(StrEnum):
    """Why a message waits, was not sent, or has no certain outcome.

    A message that its flow took back carries the flow's exit reason instead.
    """

    # before it is sent
    SHOP_UNINSTALLED = "shop_uninstalled"
    FLOW_OFF = "flow_off"
    LEFT_FLOW = "left_flow"
    NO_PROFILE = "no_profile"
    NO_ADDRESS = "no_address"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    MARKETPLACE = "marketplace"
    PENDING = "pending"
    IMPLIED_EXPIRED = "implied_expired"
    NO_PROOF = "no_proof"
    PAUSED = "paused"
    TOPIC = "topic"
    FREQUENCY = "frequency"
    SMART_SENDING = "smart_sending"
    MESSAGE_FILTER = "message_filter"
    STOPPED = "stopped"
    NO_SENDER = "no_sender"
    MAILBOX_LIMIT = "mailbox_limit"
    HEARSAY = "hearsay"
    SENDER_UNPROVEN = "sender_unproven"
    NO_POSTAL_ADDRESS = "no_postal_address"
    WAITS_FOR_COUPON = "waits_for_coupon"
    NO_COUPON = "no_coupon"
    RENDER = "render"
    NO_TEMPLATE = "no_template"
    NO_CHANNEL = "no_channel"
    # what the provider made of it
    TRY_AGAIN = "try_again"
    RELAY_AWAY = "relay_away"
    SENDER_REFUSED = "sender_refused"
    GAVE_UP = "gave_up"
    REJECTED = "rejected"
    ADDRESS_GONE = "address_gone"
    AMBIGUOUS = "ambiguous"
    RESTORED = "restored"


# From each state the ones that may follow; `accepted`, `failed`, `ambiguous`, `skipped` are final.
# A bounce is known only from the provider's answer while sending: nothing reports one later, which
# would make a message fail that was accepted.
ALLOWED: dict[MessageState, frozenset[MessageState]] = {
    MessageState.DUE: frozenset(
        {
            MessageState.DUE,  # at a later time
            MessageState.SENDING,
            MessageState.SKIPPED,
            MessageState.FAILED,
            MessageState.AMBIGUOUS,  # it was sent before, and the worker that tried again crashed
        }
    ),
    MessageState.SENDING: frozenset(
        {
            MessageState.ACCEPTED,
            MessageState.FAILED,
            MessageState.AMBIGUOUS,
            MessageState.DUE,
        }
    ),
    MessageState.ACCEPTED: frozenset(),
    MessageState.FAILED: frozenset(),
    MessageState.AMBIGUOUS: frozenset(),
    MessageState.SKIPPED: frozenset(),
}


# Literally as their indexes say it: SQLite does not conclude that from values.
LOST = "state IN ('failed', 'ambiguous')"
PUT_OFF = "state = 'due' AND skip_reason <> ''"


class Message(SQLModel, table=True):
    """One message to one shopper on one channel. Its key names its cause: twice is a no-op.

    `sending` is committed right before the provider is called, so a crash leaves at most one in
    doubt.
    """

    __table_args__ = (
        Index("message_idempotency_key", "shop_id", "idempotency_key", unique=True),
        Index("message_due", "transactional", "due_at", postgresql_where=text("state = 'due'"),
              sqlite_where=text("state = 'due'")),
        Index("message_sending", "lease_until", postgresql_where=text("state = 'sending'"),
              sqlite_where=text("state = 'sending'")),
        Index("message_lost", "due_at",
              postgresql_where=text(LOST), sqlite_where=text(LOST)),
        Index("message_put_off", "shop_id", "skip_reason",
              postgresql_where=text(PUT_OFF), sqlite_where=text(PUT_OFF)),
        Index("message_profile", "shop_id", "profile_id", "created_at"),
        Index("message_flow", "shop_id", "flow_id", "action_id", "state"),
        Index("message_sent", "shop_id", "sent_at", "flow_id"),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    idempotency_key: str = Field(description="flow, enrolment, action and channel")
    profile_id: int = big()
    source_profile_id: int | None = origin()
    channel: Channel = enum_column(Channel)
    source: MessageSource = enum_column(MessageSource, default=MessageSource.FLOW)
    address: str = Field(default="", description="the address; empty until it is sent or skipped")
    transactional: bool = False
    smart_sending: bool = Field(default=False, description="not soon after another message")
    smart_sending_in_flow: bool = Field(default=False, description="not soon after its flow's own")
    tracking_params: bool = Field(default=True, description="whether its links say utm_source")
    flow_id: int | None = big(nullable=True, default=None)
    enrolment_id: int | None = big(nullable=True, default=None)
    event_id: int | None = big(nullable=True, default=None)
    action_id: str = ""
    template_id: int = big()
    template_version: int | None = None
    locale: str = ""
    subject: str = ""
    coupon_code: str | None = None
    links: list[str] = json_column(list)
    state: MessageState = enum_column(MessageState, default=MessageState.DUE)
    skip_reason: str = Field(default="", description="a `SkipReason`, or why its flow took it back")
    provider: str = Field(default="", description="which one it was handed to last")
    provider_message_id: str = Field(default="", description="its own id for it, if it gave one")
    send_attempts: int = Field(default=0, description="how often it was handed to the provider")
    crashes: int = Field(default=0, description="how often it was begun without any outcome")
    due_at: datetime = moment()
    lease_until: float = 0.0
    claimed: bool = Field(default=False, description="whether who leased it is at it, till then")
    created_at: datetime = moment()
    sent_at: datetime | None = moment(default=None)
    opened_at: datetime | None = moment(default=None)
    clicked_at: datetime | None = moment(default=None)
    unsubscribed_at: datetime | None = moment(default=None)


class MessageRow(TypedDict):
    """One row of `Message`; the database gives it what is not required."""

    shop_id: int
    id: int
    idempotency_key: str
    profile_id: int
    source_profile_id: NotRequired[int | None]
    channel: Channel
    source: NotRequired[MessageSource]
    address: NotRequired[str]
    transactional: bool
    smart_sending: NotRequired[bool]
    smart_sending_in_flow: NotRequired[bool]
    tracking_params: NotRequired[bool]
    flow_id: NotRequired[int | None]
    enrolment_id: NotRequired[int | None]
    event_id: NotRequired[int | None]
    action_id: NotRequired[str]
    template_id: int
    template_version: NotRequired[int | None]
    locale: NotRequired[str]
    subject: NotRequired[str]
    coupon_code: NotRequired[str | None]
    links: NotRequired[list[str]]
    state: NotRequired[MessageState]
    skip_reason: NotRequired[str]
    provider: NotRequired[str]
    provider_message_id: NotRequired[str]
    send_attempts: NotRequired[int]
    crashes: NotRequired[int]
    due_at: datetime
    lease_until: NotRequired[float]
    claimed: NotRequired[bool]
    created_at: datetime
    sent_at: NotRequired[datetime | None]
    opened_at: NotRequired[datetime | None]
    clicked_at: NotRequired[datetime | None]
    unsubscribed_at: NotRequired[datetime | None]


def add_messages(session: Session, rows: Sequence[MessageRow]) -> set[int]:
    """Queue messages, once for each key; the ids of the new ones."""
    if not rows:
        return set()
    statement = db.insert(Message).on_conflict_do_nothing().returning(db.table_of(Message).c.id)
    return set(session.connection().execute(statement, list(rows)).scalars())


def lock_message(session: Session, shop_id: int, message_id: int) -> Message | None:
    """One message, locked for this transaction."""
    return session.exec(
        select(Message)
        .where(Message.shop_id == shop_id, Message.id == message_id)
        .with_for_update()
    ).one_or_none()


def get_message(session: Session, shop_id: int, message_id: int) -> Message | None:
    """One message."""
    return session.get(Message, (shop_id, message_id))


def clicked_by(
    session: Session,
    shop_id: int,
    profile_ids: Collection[int],
    *,
    since: datetime,
    until: datetime,
) -> Sequence[Message]:
    """The messages that some shoppers clicked between two moments, the first click first."""
    return session.exec(
        select(Message)
        .where(
            Message.shop_id == shop_id,
            col(Message.profile_id).in_(sorted(profile_ids)),
            col(Message.clicked_at) >= since,
            col(Message.clicked_at) <= until,
        )
        .order_by(col(Message.clicked_at), col(Message.id))
    ).all()


def has_clicked(session: Session, shop_id: int, profile_id: int, address: str) -> bool:
    """Whether a shopper ever clicked in a message to one of their addresses."""
    clicked = select(Message.id).where(
        Message.shop_id == shop_id,
        Message.profile_id == profile_id,
        Message.address == address,
        col(Message.clicked_at).is_not(None),
    )
    return session.exec(clicked.limit(1)).first() is not None


def count_by_action(session: Session, shop_id: int, flow_id: int) -> dict[str, dict[str, int]]:
    """A flow's messages: {action id: {accepted, failed, …, opened, clicked, unsubscribed: n}}."""
    rows = session.connection().execute(
        columns(
            col(Message.action_id),
            col(Message.state),
            func.count(),
            func.count(col(Message.opened_at)),
            func.count(col(Message.clicked_at)),
            func.count(col(Message.unsubscribed_at)),
        )
        .where(col(Message.shop_id) == shop_id, col(Message.flow_id) == flow_id)
        .group_by(col(Message.action_id), col(Message.state))
    )
    counts: dict[str, dict[str, int]] = {}
    for action_id, state, count, opened, clicked, unsubscribed in rows:
        entry = counts.setdefault(action_id, {})
        entry[state] = count
        for name, n in (("opened", opened), ("clicked", clicked), ("unsubscribed", unsubscribed)):
            entry[name] = entry.get(name, 0) + n
    return counts


def count_sent(session: Session, shop_id: int, since: datetime, until: datetime) -> int:
    """How many messages were accepted between two moments."""
    return session.exec(
        select(func.count()).where(
            Message.shop_id == shop_id,
            col(Message.sent_at) >= since,
            col(Message.sent_at) < until,
        )
    ).one()


def count_waiting(session: Session, shop_id: int, reasons: Collection[str]) -> dict[str, Count]:
    """How many messages wait for each of these reasons, or that there are many."""
    mine = columns(col(Message.id)).where(col(Message.shop_id) == shop_id, text(PUT_OFF))
    return {
        reason: count_up_to(session, mine.where(col(Message.skip_reason) == reason))
        for reason in reasons
    }


def messages_by_key(session: Session, shop_id: int, keys: Collection[str]) -> dict[str, Message]:
    """The messages with these keys."""
    rows = session.exec(
        select(Message).where(
            Message.shop_id == shop_id, col(Message.idempotency_key).in_(sorted(keys))
        )
    )
    return {row.idempotency_key: row for row in rows}


def known_messages(session: Session, shop_id: int, ids: Collection[int]) -> set[int]:
    """Those of some ids that are messages."""
    mine = (Message.shop_id == shop_id, col(Message.id).in_(sorted(ids)))
    return set(session.exec(select(Message.id).where(*mine)))


def messages_page(
    session: Session,
    shop_id: int,
    profile_id: int,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
) -> Sequence[Message]:
    """What one shopper was sent or was not, newest first, from before a (moment, id) on."""
    query = select(Message).where(Message.shop_id == shop_id, Message.profile_id == profile_id)
    if before is not None:
        query = query.where(tuple_(col(Message.created_at), col(Message.id)) < before)
    newest = (col(Message.created_at).desc(), col(Message.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()


def count_sent_by_flow(
    session: Session, shop_id: int, since: datetime, until: datetime
) -> dict[int | None, int]:
    """How many messages of each flow were accepted between two moments."""
    rows = session.exec(
        select(Message.flow_id, func.count())
        .where(
            Message.shop_id == shop_id,
            col(Message.sent_at) >= since,
            col(Message.sent_at) < until,
        )
        .group_by(col(Message.flow_id))
    )
    return dict(rows.all())


def count_reasons(session: Session, shop_id: int, flow_id: int) -> dict[str, dict[str, int]]:
    """Why messages of a flow were not sent: {action id: {reason: count}}."""
    rows = session.exec(
        select(Message.action_id, Message.skip_reason, func.count())
        .where(
            Message.shop_id == shop_id,
            Message.flow_id == flow_id,
            col(Message.state).in_((MessageState.SKIPPED, MessageState.FAILED)),
        )
        .group_by(Message.action_id, Message.skip_reason)
    )
    counts: dict[str, dict[str, int]] = {}
    for action_id, reason, count in rows:
        counts.setdefault(action_id, {})[reason] = count
    return counts


def set_state(session: Session, message: Message, state: MessageState, reason: str = "") -> None:
    """Bring a message into another state, with the reason.

    Raises:
        ValueError: that state does not follow the one that it is in.
    """
    if state not in ALLOWED[message.state]:
        raise ValueError(f"Message {message.id} is {message.state}: it cannot become {state}.")
    message.state, message.skip_reason = state, reason
    session.add(message)
