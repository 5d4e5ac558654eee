"""Flows: the automations, who is in them and since when, and what happened at each step."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict

from sqlalchemy import BigInteger, Index, bindparam, func, insert, text
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db, leases
from storage.engine.leases import Claim
from storage.engine.types import (
    JsonObject,
    big,
    enum_column,
    json_column,
    moment,
    origin,
    row_key,
    shop_key,
)

LEASE_S = 15.0  # a step that was offered and not taken is offered again after this


class FlowStatus(StrEnum):
    """Whether shoppers enter a flow."""

    DRAFT = "draft"
    LIVE = "live"


class ActionStatus(StrEnum):
    """Whether a flow's action does what it says; shoppers go past one that does not."""

    DRAFT = "draft"
    LIVE = "live"
    DISABLED = "disabled"


class EnrolmentState(StrEnum):
    """`waiting → finished | exited | failed`."""

    WAITING = "waiting"
    FINISHED = "finished"  # after its last action
    EXITED = "exited"  # before it: `exit_reason` says why
    FAILED = "failed"  # its worker died of it, again and again


class ExitReason(StrEnum):
    """Why an enrolment ended early; else `did:` and the metric that its flow's filter excludes."""

    SHOP_UNINSTALLED = "shop_uninstalled"
    FLOW_OFF = "flow_off"
    FILTER = "filter"
    CHECKOUT_OVER = "checkout_over"  # the checkout that began it was completed or emptied
    ERROR = "error"  # a step failed several times


class StepOutcome(StrEnum):
    """What an action did with a shopper."""

    WAITING = "waiting"  # its delay began
    WAITED = "waited"  # its delay is over
    QUEUED = "queued"  # its message is due
    SKIPPED = "skipped"  # its message is off, or not for this shopper
    EXITED = "exited"  # the shopper left the flow here


class Flow(SQLModel, table=True):
    """An automation. `trigger` repeats the definition's, so that an event finds its flows."""

    __table_args__ = (Index("flow_trigger", "shop_id", "trigger"),)

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    status: FlowStatus = enum_column(FlowStatus, default=FlowStatus.DRAFT)
    version: int = 1
    trigger: str = Field(description="`metric:Checkout Started` or `list:<id>`")
    topic_id: int | None = big(nullable=True, default=None)  # of storage.preferences
    created_at: datetime = moment()
    updated_at: datetime = moment()


class FlowVersion(SQLModel, table=True):
    """One version of a flow: Klaviyo's published flow-definition JSON."""

    __tablename__ = "flow_version"

    shop_id: int = shop_key()
    flow_id: int = Field(primary_key=True, sa_type=BigInteger)
    version: int = Field(primary_key=True)
    definition: JsonObject = json_column()
    created_at: datetime = moment()


class Enrolment(SQLModel, table=True):
    """A shopper's enrolment in one flow. While it waits, `due_at` says until when.

    `key` is what triggered it (an event, a membership): the same cause never enrols twice.
    """

    __table_args__ = (
        Index("enrolment_key", "shop_id", "flow_id", "trigger_key", unique=True),
        Index("enrolment_due", "due_at", postgresql_where=text("state = 'waiting'"),
              sqlite_where=text("state = 'waiting'")),
        Index("enrolment_profile", "shop_id", "profile_id"),
        Index("enrolment_state", "shop_id", "flow_id", "state"),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    flow_id: int = big()
    version: int
    profile_id: int = big()
    source_profile_id: int | None = origin()
    trigger_key: str
    event_id: int | None = big(nullable=True, default=None)
    state: EnrolmentState = enum_column(EnrolmentState, default=EnrolmentState.WAITING)
    action_id: str = Field(description="the action that is done when `due_at` comes")
    delay_started: bool = Field(
        default=False, description="whether its wait has begun, if it is one"
    )
    due_at: datetime = moment()
    lease_until: float = 0.0
    claimed: bool = Field(default=False, description="whether who leased it is at it, till then")
    attempts: int = 0
    started_at: datetime = moment()
    entered_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)
    exit_reason: str = Field(default="", description="an `ExitReason`, or `did:` and a metric")


class EnrolmentRow(TypedDict):
    """One row of `Enrolment`; the database gives it what is not required."""

    shop_id: int
    id: int
    flow_id: int
    version: int
    profile_id: int
    source_profile_id: NotRequired[int | None]
    trigger_key: str
    event_id: NotRequired[int | None]
    state: NotRequired[EnrolmentState]
    action_id: str
    delay_started: NotRequired[bool]
    due_at: datetime
    lease_until: NotRequired[float]
    claimed: NotRequired[bool]
    attempts: NotRequired[int]
    started_at: datetime
    entered_at: datetime
    ended_at: NotRequired[datetime | None]
    exit_reason: NotRequired[str]


class StepLog(SQLModel, table=True):
    """What happened to one shopper at one action of a flow."""

    __tablename__ = "step_log"
    __table_args__ = (
        Index("step_log_action", "shop_id", "flow_id", "action_id", "outcome"),
        Index("step_log_enrolment", "shop_id", "enrolment_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    flow_id: int = big()
    enrolment_id: int = big()
    action_id: str
    outcome: StepOutcome = enum_column(StepOutcome)
    happened_at: datetime = moment()


class StepLogRow(TypedDict):
    """One row of `StepLog`."""

    shop_id: int
    id: int
    flow_id: int
    enrolment_id: int
    action_id: str
    outcome: StepOutcome
    happened_at: datetime


def flows_of(session: Session, shop_id: int) -> Sequence[Flow]:
    """A shop's flows, oldest first."""
    return session.exec(
        select(Flow).where(Flow.shop_id == shop_id).order_by(col(Flow.created_at))
    ).all()


def get_flow(session: Session, shop_id: int, flow_id: int) -> Flow | None:
    """One flow."""
    return session.get(Flow, (shop_id, flow_id))


def get_enrolment(session: Session, shop_id: int, enrolment_id: int) -> Enrolment | None:
    """One shopper's way through one flow."""
    return session.get(Enrolment, (shop_id, enrolment_id))


def get_flow_version(
    session: Session, shop_id: int, flow_id: int, version: int
) -> FlowVersion | None:
    """One version of a flow."""
    return session.get(FlowVersion, (shop_id, flow_id, version))


def live_flows(session: Session, shop_id: int) -> Sequence[tuple[Flow, FlowVersion]]:
    """A shop's live flows, each with its newest version."""
    return session.exec(_LIVE_FLOWS, params={"of_shop": shop_id}).all()


# Asked with each batch of events: SQLAlchemy takes half a millisecond to build it anew.
_LIVE_FLOWS = (
    select(Flow, FlowVersion)
    .join(
        FlowVersion,
        (col(FlowVersion.shop_id) == Flow.shop_id)
        & (col(FlowVersion.flow_id) == Flow.id)
        & (col(FlowVersion.version) == Flow.version),
    )
    .where(Flow.shop_id == bindparam("of_shop"), Flow.status == FlowStatus.LIVE)
)


def add_enrolments(session: Session, rows: Sequence[EnrolmentRow]) -> set[int]:
    """Put shoppers into flows, once for each cause; the ids of the new enrolments."""
    if not rows:
        return set()
    statement = db.insert(Enrolment).on_conflict_do_nothing().returning(db.table_of(Enrolment).c.id)
    return set(session.connection().execute(statement, list(rows)).scalars())


def claim_due(session: Session, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Lease up to `limit` due steps of all shops; (shop id, enrolment id), the earliest first."""
    return leases.claim_due(
        session, Enrolment, EnrolmentState.WAITING, now, limit=limit, seconds=LEASE_S, claimed=False
    )


def still_due(
    session: Session, shop_id: int, ids: Sequence[int], now: datetime
) -> Sequence[tuple[int, int]]:
    """Those of the enrolments that still wait and are due: (id, tries)."""
    return session.exec(
        select(Enrolment.id, Enrolment.attempts)
        .where(
            Enrolment.shop_id == shop_id,
            col(Enrolment.id).in_(ids),
            Enrolment.state == EnrolmentState.WAITING,
            Enrolment.due_at <= now,
        )
        .order_by(col(Enrolment.id))
    ).all()


def start_claim(session: Session, shop_id: int, ids: Sequence[int]) -> Claim:
    """Count an attempt at these enrolments and lease those that are free."""
    return leases.start_claim(session, Enrolment, "attempts", shop_id, ids=ids, seconds=LEASE_S)


def refund_attempt(session: Session, shop_id: int, begun: Claim) -> None:
    """Take back that these enrolments were tried."""
    leases.refund_attempt(session, Enrolment, "attempts", shop_id, begun=begun)


def lock_due(session: Session, shop_id: int, ids: Sequence[int], now: datetime) -> list[Enrolment]:
    """Those of the enrolments that still wait and are due, locked for this transaction."""
    return list(
        session.exec(
            select(Enrolment)
            .where(
                Enrolment.shop_id == shop_id,
                col(Enrolment.id).in_(ids),
                Enrolment.state == EnrolmentState.WAITING,
                Enrolment.due_at <= now,
            )
            .order_by(col(Enrolment.id))
            .with_for_update()
        )
    )


def end_enrolment(
    session: Session, enrolment: Enrolment, state: EnrolmentState, because: str, *, now: datetime
) -> None:
    """End an enrolment."""
    enrolment.state = state
    enrolment.ended_at = now
    enrolment.exit_reason = because
    session.add(enrolment)


def log_steps(session: Session, rows: Sequence[StepLogRow]) -> None:
    """Write down what happened at some actions."""
    if rows:
        session.connection().execute(insert(StepLog), list(rows))


def waiting_enrolments(
    session: Session, shop_id: int, profile_ids: Sequence[int]
) -> Sequence[Enrolment]:
    """The flows that these shoppers are in now."""
    return session.exec(
        select(Enrolment).where(
            Enrolment.shop_id == shop_id,
            col(Enrolment.profile_id).in_(sorted(set(profile_ids))),
            Enrolment.state == EnrolmentState.WAITING,
        )
    ).all()


def load_enrolments(session: Session, shop_id: int, ids: Sequence[int]) -> Sequence[Enrolment]:
    """Return several enrolments, in any state."""
    return session.exec(
        select(Enrolment).where(Enrolment.shop_id == shop_id, col(Enrolment.id).in_(ids))
    ).all()


def entered_before(
    session: Session, shop_id: int, flow_id: int, profile_ids: Sequence[int]
) -> dict[int, datetime]:
    """When each of these shoppers last entered a flow, for those who ever did."""
    rows = session.exec(
        select(Enrolment.profile_id, func.max(Enrolment.entered_at))
        .where(
            Enrolment.shop_id == shop_id,
            Enrolment.flow_id == flow_id,
            col(Enrolment.profile_id).in_(sorted(set(profile_ids))),
        )
        .group_by(col(Enrolment.profile_id))
    )
    return dict(rows.all())


def enrolments_of(
    session: Session, shop_id: int, profile_id: int, limit: int = 1_000
) -> Sequence[Enrolment]:
    """The flows that one shopper is or was in, last entered first."""
    return session.exec(
        select(Enrolment)
        .where(Enrolment.shop_id == shop_id, Enrolment.profile_id == profile_id)
        .order_by(col(Enrolment.entered_at).desc())
        .limit(limit)
    ).all()


def count_enrolments(session: Session, shop_id: int) -> dict[int, dict[EnrolmentState, int]]:
    """How many shoppers wait in, finished and left each flow: {flow id: {state: count}}."""
    rows = session.exec(
        select(Enrolment.flow_id, col(Enrolment.state), func.count())
        .where(Enrolment.shop_id == shop_id)
        .group_by(col(Enrolment.flow_id), Enrolment.state)
    )
    counts: dict[int, dict[EnrolmentState, int]] = {}
    for flow_id, state, count in rows:
        counts.setdefault(flow_id, {})[state] = count
    return counts


def count_waiting(session: Session, shop_id: int, flow_id: int) -> dict[str, int]:
    """How many shoppers wait before each action of a flow."""
    rows = session.exec(
        select(Enrolment.action_id, func.count())
        .where(
            Enrolment.shop_id == shop_id,
            Enrolment.flow_id == flow_id,
            Enrolment.state == EnrolmentState.WAITING,
        )
        .group_by(Enrolment.action_id)
    )
    return dict(rows.all())


def count_steps(session: Session, shop_id: int, flow_id: int) -> dict[str, dict[StepOutcome, int]]:
    """What happened at each action of a flow: {action id: {outcome: count}}."""
    rows = session.exec(
        select(StepLog.action_id, col(StepLog.outcome), func.count())
        .where(StepLog.shop_id == shop_id, StepLog.flow_id == flow_id)
        .group_by(StepLog.action_id, StepLog.outcome)
    )
    counts: dict[str, dict[StepOutcome, int]] = {}
    for action_id, outcome, count in rows:
        counts.setdefault(action_id, {})[outcome] = count
    return counts
