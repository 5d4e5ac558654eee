"""Run due flow steps: queue messages, set the time of the next step, end enrolments.

A batch is one transaction, so a step is done wholly or not at all; a step that was enqueued twice
finds its enrolment advanced and does nothing.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.flows import definition as flow_definition
from plugin.flows import filters
from plugin.flows.definition import FlowDefinition
from plugin.flows.filters import Who
from plugin.flows.steps.base import Follow, StepBatch
from plugin.messages.send import actor_for
from storage import checkouts, flows, messages, shops
from storage.engine import db, locks
from storage.engine.leases import BATCH_SIZE_BY_ATTEMPT, split_by_attempts
from storage.flows import Enrolment, EnrolmentState, ExitReason, Flow, FlowStatus, StepOutcome
from storage.messages import MessageState

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
            flows.end_enrolment(
                session, enrolment, EnrolmentState.FAILED, ExitReason.ERROR, now=clock.now()
            )
    return []


def _advance(shop_id: int, ids: Sequence[int]) -> list[QueuedMessage]:
    now = clock.now()
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        if shop is None:
            return []
        batch = StepBatch(session, shop, now, db.database_time(session) + messages.LEASE_S)
        read: dict[tuple[int, int], tuple[Flow, FlowDefinition]] = {}
        for enrolment in flows.lock_due(session, shop_id, ids, now):
            key = (enrolment.flow_id, enrolment.version)
            if key not in read:
                read[key] = _flow(session, shop_id, *key)
            flow, steps = read[key]
            if reason := _must_leave(
                session, shop.uninstalled_at, flow, steps, enrolment=enrolment, now=now
            ):
                flows.end_enrolment(session, enrolment, EnrolmentState.EXITED, reason, now=now)
                batch.log_step(enrolment, enrolment.action_id, StepOutcome.EXITED)
            else:
                _run(session, batch, steps, enrolment)
        flows.log_steps(session, batch.steps)
        new = messages.add_messages(session, batch.messages)
        queued = [
            QueuedMessage(row["id"], row["transactional"])
            for row in batch.messages
            if row.get("state") == MessageState.DUE
        ]
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
    *,
    enrolment: Enrolment,
    now: datetime,
) -> str:
    if uninstalled_at is not None:
        return ExitReason.SHOP_UNINSTALLED
    if flow.status != FlowStatus.LIVE:
        return ExitReason.FLOW_OFF
    if checkouts.is_over(session, enrolment.shop_id, enrolment.event_id):
        return ExitReason.CHECKOUT_OVER
    who = Who(enrolment.shop_id, enrolment.profile_id, enrolment.started_at)
    if not filters.matches_filter(session, steps.profile_filter, who, now):
        return ExitReason.FILTER
    return ""


def _run(session: Session, batch: StepBatch, steps: FlowDefinition, enrolment: Enrolment) -> None:
    """Do actions one after the other, until one waits or none is left."""
    at: str | None = enrolment.action_id
    is_waiting = enrolment.delay_started
    while at is not None:
        action = steps.actions[at]
        if not is_waiting:
            result = action.step.run(batch, enrolment, action_id=at, is_entry=at == steps.entry_id)
            if isinstance(result, Follow):
                at = action.links.get(result.link)
                continue
            enrolment.due_at = result.until
            enrolment.action_id, enrolment.delay_started = at, True
            enrolment.lease_until, enrolment.attempts = 0.0, 0
            session.add(enrolment)
            batch.log_step(enrolment, at, StepOutcome.WAITING)
            if enrolment.due_at > batch.now:
                return
        batch.log_step(enrolment, at, StepOutcome.WAITED)
        is_waiting = False
        at = action.links.get("next")
    flows.end_enrolment(session, enrolment, EnrolmentState.FINISHED, "", now=batch.now)
