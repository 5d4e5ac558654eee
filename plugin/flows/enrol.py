"""Start and end enrolments because of new events and memberships."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from plugin.errors import RegularsError
from plugin.facts import ProfileRef
from plugin.flows import definition, filters
from plugin.flows.definition import FlowDefinition
from plugin.flows.filters import Who
from plugin.messages.hearsay import is_hearsay
from plugin.settings import get_settings
from storage import enrolment_messages, flows, messages
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event, EventRow
from storage.flows import EnrolmentRow, EnrolmentState, Flow
from storage.messages import MessageState
from storage.shops import Shop

log = structlog.get_logger()


def enrol_for_events(
    session: Session, shop: Shop, new: Sequence[EventRow], now: datetime
) -> list[int]:
    """Let new events (rows of `event`) start and end flows; the ids of the new enrolments."""
    live = _live(session, shop)
    _leave(session, shop.id, live, new, now=now)
    oldest = now - timedelta(hours=get_settings().max_event_age_hours)
    entered: list[int] = []
    for flow, steps in live:
        causes = [
            (_whose(event), f"{event['metric']}:{event['unique_id']}", event)
            for event in new
            if f"metric:{event['metric']}" == steps.trigger
            and event["occurred_at"] >= oldest
            and (
                steps.trigger_filter is None
                or steps.trigger_filter.matches(session, Event(**event))
            )
            and not is_hearsay(session, shop.id, event["profile_id"], event["properties"])
        ]
        for ref, key, event in causes:
            at = event["occurred_at"]
            entered += _enter(
                session,
                shop,
                flow,
                steps,
                ref=ref,
                key=key,
                started_at=at,
                now=now,
                event_id=event["id"],
            )
    return entered


def enrol_for_list(
    session: Session,
    shop: Shop,
    list_id: int,
    ref: ProfileRef,
    *,
    now: datetime,
    asked_at: datetime | None = None,
) -> list[int]:
    """Let a new membership start flows; the ids of the new enrolments.

    It starts them now; one that was asked for before a restoration (an import that went on in the
    copy that was lost) then.
    """
    key = f"list:{list_id}"
    started_at = asked_at if asked_at is not None and _is_restored(shop, asked_at) else now
    entered: list[int] = []
    for flow, steps in _live(session, shop):
        if key == steps.trigger:
            cause = f"{key}:{ref.profile_id}"
            entered += _enter(
                session,
                shop,
                flow,
                steps,
                ref=ref,
                key=cause,
                started_at=started_at,
                now=now,
                event_id=None,
            )
    return entered


def _whose(event: EventRow) -> ProfileRef:
    return ProfileRef(event["profile_id"], event["source_profile_id"] or event["profile_id"])


def _live(session: Session, shop: Shop) -> list[tuple[Flow, FlowDefinition]]:
    if shop.uninstalled_at is not None:
        return []
    found = []
    for flow, version in flows.live_flows(session, shop.id):
        try:
            found.append((flow, definition.parse_definition(version.definition)))
        except RegularsError as error:  # saved by another version: the shop's others go on
            log.error("flow.not_understood", shop=shop.id, flow=flow.id, error=error.message)
    return found


def _enter(
    session: Session,
    shop: Shop,
    flow: Flow,
    steps: FlowDefinition,
    *,
    ref: ProfileRef,
    key: str,
    started_at: datetime,
    now: datetime,
    event_id: int | None,
) -> Iterable[int]:
    last = flows.entered_before(session, shop.id, flow.id, [ref.profile_id]).get(ref.profile_id)
    if not _may_reenter(steps.reentry_after, last, now):
        return ()
    who = Who(shop.id, ref.profile_id, started_at)
    if not filters.matches_filter(session, steps.profile_filter, who, now):
        return ()
    row: EnrolmentRow = {
        "shop_id": shop.id,
        "id": new_id(),
        "flow_id": flow.id,
        "version": flow.version,
        "profile_id": ref.profile_id,
        "source_profile_id": ref.columns["source_profile_id"],
        "trigger_key": key,
        "event_id": event_id,
        "action_id": steps.entry_id,
        # What comes of a time before a restoration was due then: `send_message.py` sends none.
        "due_at": started_at if _is_restored(shop, started_at) else now,
        # the caller enqueues them at once
        "lease_until": db.database_time(session) + flows.LEASE_S,
        "started_at": started_at,
        "entered_at": now,
    }
    return flows.add_enrolments(session, [row])


def _is_restored(shop: Shop, moment: datetime) -> bool:
    """Whether the copy that was lost did what was due at a moment."""
    return shop.restored_at is not None and moment <= shop.restored_at


def _may_reenter(after: timedelta | None, last_entered: datetime | None, now: datetime) -> bool:
    """Whether a shopper who entered at `last_entered` may again (`reentry_criteria`)."""
    return last_entered is None or after is None or now - last_entered >= after


def _leave(
    session: Session,
    shop_id: int,
    live: Sequence[tuple[Flow, FlowDefinition]],
    new: Sequence[EventRow],
    *,
    now: datetime,
) -> None:
    """End at once the enrolments that these new events make fail their flow's filter."""
    watched = {
        flow.id: (steps, steps.profile_filter.metrics if steps.profile_filter else set())
        for flow, steps in live
    }
    every = set().union(*(metrics for _, metrics in watched.values())) if watched else set()
    did: dict[int, set[str]] = {}
    for event in new:
        if event["metric"] in every:
            did.setdefault(event["profile_id"], set()).add(event["metric"])
    if not did:
        return
    queued = enrolment_messages.due_by_enrolment(session, shop_id, list(did))
    waiting = flows.waiting_enrolments(session, shop_id, list(did))
    for enrolment in [*waiting, *flows.load_enrolments(session, shop_id, list(queued))]:
        steps, metrics = watched.get(enrolment.flow_id, (None, set()))
        because = did[enrolment.profile_id] & metrics
        if not because or steps is None:
            continue
        who = Who(shop_id, enrolment.profile_id, enrolment.started_at)
        if filters.matches_filter(session, steps.profile_filter, who, now):
            continue
        reason = f"did:{min(because)}"
        if enrolment.state == EnrolmentState.WAITING:
            flows.end_enrolment(session, enrolment, EnrolmentState.EXITED, reason, now=now)
        for message in queued.pop(enrolment.id, []):  # what it had already put into the outbox
            messages.set_state(session, message, MessageState.SKIPPED, reason)
