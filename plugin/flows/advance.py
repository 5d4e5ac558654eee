"""Run due flow steps: queue messages, set the time of the next step, end enrolments.

A batch is one transaction, so a step is done wholly or not at all; a step that was enqueued twice
finds its enrolment advanced and does nothing.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.flows import definition as flow_definition
from plugin.flows import filters
from plugin.flows.definition import DELAY, Action, FlowDefinition
from plugin.messages.send import actor_for
from storage import flows, messages, shops
from storage.channels import Channel
from storage.engine import db, locks
from storage.engine.ids import new_id
from storage.engine.leases import BATCH_SIZE_BY_ATTEMPT, split_by_attempts
from storage.flows import Enrolment, EnrolmentState, Flow, FlowStatus, StepOutcome

MAX_ATTEMPTS = 5

log = structlog.get_logger()


class QueuedMessage(NamedTuple):
    """A message that a step put into the outbox."""

    id: int
    transactional: bool


def advance_enrolments(shop_id: int, ids: Sequence[int]) -> None:
    """Run the due steps of these enrolments and enqueue the messages they create."""
    with db.reading() as session:
        due = flows.still_due(session, shop_id, ids, clock.now())
    tries = dict(due)
    for some in split_by_attempts(due):
        if tries[some[0]] < len(BATCH_SIZE_BY_ATTEMPT):
            queued = _try(shop_id, some, tries[some[0]])
        else:
            try:  # alone in this installation, as in `plugin.messages.send`
                with locks.exclusive("suspect-enrolment", wait_s=0):
                    queued = _try(shop_id, some, tries[some[0]])
            except locks.LockTimeoutError:
                continue  # its lease runs out, and it is offered again
        for transactional in (True, False):
            kind = [(shop_id, one.id) for one in queued if one.transactional == transactional]
            jobs.enqueue_for_rows(actor_for(transactional=transactional), kind)


def _try(shop_id: int, ids: Sequence[int], tries: int) -> list[QueuedMessage]:
    """Advance enrolments that were tried as often before; the messages that they queued."""
    with db.transaction() as session:
        mine = flows.start_claim(session, shop_id, ids)
    try:
        if tries >= MAX_ATTEMPTS:
            return _give_up(shop_id, mine.ids)
        return _advance(shop_id, mine.ids)
    except db.TRANSIENT:
        with contextlib.suppress(*db.TRANSIENT), db.transaction() as session:
            flows.refund_attempt(session, shop_id, mine)
        raise  # the lease runs out and the clock offers them again
    except Exception:
        log.exception("flow.batch_failed", shop=shop_id, enrolments=len(mine.ids))
        return _one_by_one(shop_id, mine.ids, tries + 1)


def _one_by_one(shop_id: int, ids: Sequence[int], tries: int) -> list[QueuedMessage]:
    """Find the enrolment that spoils its batch, so that its neighbours do not wait for it."""
    queued: list[QueuedMessage] = []
    for enrolment_id in ids:
        try:
            queued += _advance(shop_id, [enrolment_id])
        except db.TRANSIENT:
            raise
        except Exception:
            log.exception("flow.step_failed", shop=shop_id, enrolment=enrolment_id)
            if tries >= MAX_ATTEMPTS:
                _give_up(shop_id, [enrolment_id])
    return queued


def _give_up(shop_id: int, ids: Sequence[int]) -> list[QueuedMessage]:
    """End enrolments that cannot be advanced: each attempt raised, or killed its worker."""
    log.error("flow.given_up", shop=shop_id, enrolments=list(ids))
    with db.transaction() as session:
        for enrolment in flows.lock_due(session, shop_id, ids, clock.now()):
            flows.end_enrolment(session, enrolment, EnrolmentState.FAILED, "error", clock.now())
    return []


def _advance(shop_id: int, ids: Sequence[int]) -> list[QueuedMessage]:
    now = clock.now()
    with db.transaction() as session:
        batch = StepBatch(shop_id, now, db.database_time(session) + messages.LEASE_S)
        shop = shops.get_shop(session, shop_id)
        if shop is None:
            return []
        read: dict[tuple[int, int], tuple[Flow, FlowDefinition]] = {}
        for enrolment in flows.lock_due(session, shop_id, ids, now):
            key = (enrolment.flow_id, enrolment.version)
            if key not in read:
                read[key] = _flow(session, shop_id, *key)
            flow, steps = read[key]
            if reason := _must_leave(session, shop.uninstalled_at, flow, steps, enrolment, now):
                flows.end_enrolment(session, enrolment, EnrolmentState.EXITED, reason, now)
                batch.log_step(enrolment, enrolment.action_id, StepOutcome.EXITED)
            else:
                batch.run(session, steps, enrolment)
        flows.log_steps(session, batch.steps)
        new = messages.add_messages(session, batch.messages)
        queued = [QueuedMessage(row["id"], row["transactional"]) for row in batch.messages]
        return [one for one in queued if one.id in new]


def _flow(
    session: Session, shop_id: int, flow_id: int, version: int
) -> tuple[Flow, FlowDefinition]:
    flow = flows.get_flow(session, shop_id, flow_id)
    definition = flows.get_flow_version(session, shop_id, flow_id, version)
    assert flow is not None
    assert definition is not None
    return flow, flow_definition.parse_definition(definition.definition)


def _must_leave(
    session: Session,
    uninstalled_at: datetime | None,
    flow: Flow,
    steps: FlowDefinition,
    enrolment: Enrolment,
    now: datetime,
) -> str:
    if uninstalled_at is not None:
        return "shop_uninstalled"
    if flow.status != FlowStatus.LIVE:
        return "flow_off"
    if not filters.matches_filter(
        session, enrolment.shop_id, enrolment.profile_id, steps, enrolment.started_at, now
    ):
        return "filter"
    return ""


class StepBatch:
    """What a batch of steps comes to: rows of `message` and `step_log`, written at its end."""

    def __init__(self, shop_id: int, now: datetime, lease_until: float) -> None:
        self.shop_id = shop_id
        self.now = now
        # jobs are enqueued at once; until then the clock leaves these rows alone
        self.lease_until = lease_until
        self.messages: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []

    def run(self, session: Session, steps: FlowDefinition, enrolment: Enrolment) -> None:
        """Do actions one after the other, until one waits or none is left."""
        at: str | None = enrolment.action_id
        waited = enrolment.action_id if enrolment.delay_started else None
        while at is not None:
            action = steps.actions[at]
            if action.kind == DELAY and at != waited:
                # The first wait counts from what set the flow off, a later one from now.
                base = enrolment.started_at if at == steps.entry_id else self.now
                enrolment.due_at = base + action.delay()
                enrolment.action_id, enrolment.delay_started = at, True
                enrolment.lease_until, enrolment.attempts = 0.0, 0
                session.add(enrolment)
                self.log_step(enrolment, at, StepOutcome.WAITING)
                if enrolment.due_at > self.now:
                    return
            if action.kind == DELAY:
                self.log_step(enrolment, at, StepOutcome.WAITED)
            elif action.channel is not None:
                self.queue_message(enrolment, action, action.channel)
            at = action.next_id
        flows.end_enrolment(session, enrolment, EnrolmentState.FINISHED, "", self.now)

    def queue_message(self, enrolment: Enrolment, action: Action, channel: Channel) -> None:
        """Put a message into the outbox; its key makes a second time a no-op."""
        message = action.message()
        self.messages.append(
            {
                "shop_id": self.shop_id,
                "id": new_id(),
                "idempotency_key": (
                    f"flow:{enrolment.flow_id}:{enrolment.id}:{action.id}:{channel}"
                ),
                "profile_id": enrolment.profile_id,
                "source_profile_id": enrolment.source_profile_id,
                "channel": channel,
                "transactional": bool(message.get("transactional")),
                "flow_id": enrolment.flow_id,
                "enrolment_id": enrolment.id,
                "event_id": enrolment.event_id,
                "action_id": action.id,
                "template_id": int(message["template_id"]),
                "due_at": self.now,
                "lease_until": self.lease_until,
                "created_at": self.now,
            }
        )
        self.log_step(enrolment, action.id, StepOutcome.QUEUED)

    def log_step(self, enrolment: Enrolment, action_id: str, outcome: StepOutcome) -> None:
        """Log what happened at an action."""
        self.steps.append(
            {
                "shop_id": self.shop_id,
                "id": new_id(),
                "flow_id": enrolment.flow_id,
                "enrolment_id": enrolment.id,
                "action_id": action_id,
                "outcome": outcome,
                "happened_at": self.now,
            }
        )
