"""A profile: its fields, activity, messages and consents, and the proof of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.audience import activity, property_values, visits
from admin_ui.audience.activity import TimelineKind
from admin_ui.audience.visits import VisitLine
from admin_ui.kit import links, words
from admin_ui.kit.language import Language
from admin_ui.kit.pagination import Position, paginate
from admin_ui.kit.request import AdminRequest, missing, row_id
from admin_ui.kit.routes import page
from plugin import clock
from plugin.channels.registry import message_metrics
from plugin.consent import on_request
from plugin.messages import eligibility
from plugin.profiles import merge
from plugin.profiles.tags import tags_of
from plugin.texts import N_
from storage import (
    attributions,
    consent,
    contact_points,
    enrolment_messages,
    events,
    flows,
    lists,
    merges,
    messages,
    orders,
    preferences,
    profiles,
    templates,
)
from storage.activity import counts_of
from storage.channels import Channel
from storage.consent_ledger import LedgerKey
from storage.engine import db
from storage.events import Event
from storage.messages import Message
from storage.profiles import STRONG, Profile

TITLE = N_("Profile")
PAGE = 30
KINDS = {
    TimelineKind.ALL: N_("All"),
    TimelineKind.ORDERS: N_("Orders"),
    TimelineKind.BROWSING: N_("Browsing"),
    TimelineKind.MESSAGES: N_("Messages"),
}


class ContactPoint(NamedTuple):
    """An address's consent on a channel, and why marketing to it is skipped, or ""."""

    channel: str
    address: str
    state: str
    refusal: str


@dataclass(frozen=True)
class TimelineEntry:
    """One line of a timeline: an event, a visit or a message."""

    at: datetime
    id: int
    event: Event | None = None
    visited: VisitLine | None = None
    message: Message | None = None


@page("/audience/profiles/{profile_id}", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show a profile; `kind` filters its timeline, which begins at `before`."""
    return _page(visit)


@page("/audience/profiles/{profile_id}", title=TITLE, method="POST", personal=True)
def undo(visit: AdminRequest) -> Response:
    """Take back the merge that the form names."""
    shop_id, merge_id = visit.shop.id, row_id(visit.form.get("undo", ""))
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if profiles.get_profile(session, shop_id, visit.number("profile_id")) is None:
            raise missing()
        done = merge.undo_merge(session, shop_id, merge_id, visit.user_id, now=clock.now())
    said = visit.say.text("Profiles separated.") if done else ""
    return _page(visit, toast=said)


@page("/audience/profiles/{profile_id}/unsubscribe", title=TITLE, method="POST", personal=True)
def unsubscribe(visit: AdminRequest) -> Response:
    """Unsubscribe a shopper who asked for it."""
    changed = on_request.unsubscribe(visit.shop.id, visit.number("profile_id"))
    say = visit.say
    told = say.text("Unsubscribed from all marketing.") if changed else say.text("No changes.")
    return _page(visit, toast=told)


def _page(visit: AdminRequest, toast: str = "") -> Response:
    shop_id, profile_id = visit.shop.id, visit.number("profile_id")
    chosen = visit.request.query_params.get("kind", "")
    kind = TimelineKind(chosen) if chosen in set(TimelineKind) else TimelineKind.ALL
    with db.reading() as session:
        profile = profiles.get_profile(session, shop_id, profile_id)
        if profile is None:
            raise missing()
        found_id = profile.id  # not the path's, where that profile was merged into another
        did = counts_of(session, shop_id, found_id)
        entries = paginate(
            visit.request,
            PAGE,
            lambda limit, before: timeline(
                session, shop_id, found_id, kind, limit=limit, before=before
            ),
            lambda entry: (entry.at, entry.id),
        )
        sent = [entry.message.id for entry in entries.rows if entry.message]
        known = profiles.identities_of(session, shop_id, [profile.id])
        addresses = _addresses(session, profile)
        bought, spent = orders.bought_by(session, shop_id, profile.id)
        return visit.page(
            "audience/profile.html",
            in_shopify=partial(links.customer, visit.shop),
            path=f"/audience/profiles/{profile_id}",
            toast=toast,
            profile=profile,
            name=words.person(profile, visit.say),
            kind=kind,
            kinds={each: visit.say.text(name) for each, name in KINDS.items()},
            timeline_kinds=_filters(visit.say, profile.id, kind, activity.totals(did)),
            year=activity.activity_chart(did, clock.now(), visit.say),
            entries=entries.rows,
            older=entries.older,
            earned=attributions.attributions_of(session, shop_id, sent) if sent else {},
            templates={t.id: t.name for t in templates.templates_of(session, shop_id)},
            **_flows(session, shop_id, profile.id),
            named=[each for each in known if each.kind in STRONG][:PAGE],
            traces=[each for each in known if each.kind not in STRONG],
            most_traces=PAGE,
            merges=merges.merges_of(session, shop_id, profile.id, PAGE),
            reach=_reach(session, shop_id, addresses),
            ledger=consent.ledger_of(session, shop_id, addresses, limit=PAGE),
            wishes=preferences.preferences_at(session, shop_id, addresses),
            topics={t.id: t.name for t in preferences.topics_of(session, shop_id)},
            now=clock.now(),
            where_from=property_values.where_from,
            properties=property_values.list_values(session, shop_id, profile, visit.say),
            tags=tags_of(profile.properties),
            lists={found.id: found.name for found in lists.lists_of(session, shop_id)},
            memberships=lists.memberships_of(session, shop_id, profile.id)[:PAGE],
            spent=spent,
            bought=bought,
            sessions=visits,
            touches=visits.touches(session, shop_id, profile.id),
            words=words,
        )


def _flows(session: Session, shop_id: int, profile_id: int) -> dict[str, Any]:
    """The flows that a shopper is or was in, and which of them sent nothing."""
    entered = flows.enrolments_of(session, shop_id, profile_id, PAGE)
    return {
        "flows": {flow.id: flow.name for flow in flows.flows_of(session, shop_id)},
        "enrolments": entered,
        "unsent": enrolment_messages.enrolments_without_mail(
            session, shop_id, profile_id, [each.id for each in entered]
        ),
    }


def timeline(
    session: Session,
    shop_id: int,
    profile_id: int,
    kind: TimelineKind,
    *,
    limit: int,
    before: Position | None,
) -> list[TimelineEntry]:
    """Events, visits and messages in one line, newest first."""
    entries: list[TimelineEntry] = []
    if kind != TimelineKind.MESSAGES:
        metrics = {
            TimelineKind.ORDERS: words.ORDERS,
            TimelineKind.BROWSING: words.BROWSING,
        }.get(kind, ())
        entries += [
            TimelineEntry(event.occurred_at, event.id, event=event)
            for event in events.events_page(
                session,
                shop_id,
                profile_id,
                limit,
                before=before,
                metrics=metrics,
                without=message_metrics(),
                visited=words.VISITED,
            )
        ]
    if kind in (TimelineKind.ALL, TimelineKind.BROWSING):
        entries += [
            TimelineEntry(visited.row.last_seen_at, visited.row.id, visited=visited)
            for visited in visits.page_of(session, shop_id, profile_id, limit, before=before)
        ]
    if kind in (TimelineKind.ALL, TimelineKind.MESSAGES):
        entries += [
            TimelineEntry(message.created_at, message.id, message=message)
            for message in messages.messages_page(
                session, shop_id, profile_id, limit, before=before
            )
        ]
    return sorted(entries, key=lambda entry: (entry.at, entry.id), reverse=True)[:limit]


def _reach(session: Session, shop_id: int, places: Sequence[LedgerKey]) -> list[ContactPoint]:
    """What may be sent by mail and text, and by the other channels that were asked about."""
    held = {
        (row.channel, row.address): row for row in consent.consents_of(session, shop_id, places)
    }
    said = eligibility.consent_blocks(session, shop_id, places)
    return [
        ContactPoint(*place, held[place].state if place in held else "", said[place] or "")
        for place in places
        if place in held or place[0] in (Channel.EMAIL, Channel.SMS)
    ]


def _filters(
    say: Language, profile_id: int, shown: TimelineKind, totals: dict[TimelineKind, int]
) -> list[tuple[str, str, bool, str]]:
    """The kinds that the timeline can show, each with how many there are."""
    here = f"/audience/profiles/{profile_id}"
    return [
        (
            f"{here}?kind={kind}",
            say.text(name),
            kind == shown,
            say.number(totals[kind]) if totals.get(kind) else "",
        )
        for kind, name in KINDS.items()
    ]


def _addresses(session: Session, profile: Profile) -> list[LedgerKey]:
    """Where a shopper can be reached: by what is linked to them, and by what they typed."""
    fields = ((Channel.EMAIL, profile.email), (Channel.SMS, profile.phone))
    found: list[LedgerKey] = [
        *contact_points.linked_places(session, profile.shop_id, profile.id),
        *contact_points.typed_places(session, profile.shop_id, profile.id),
        *((channel, address) for channel, address in fields if address),
    ]
    return list(dict.fromkeys(found))
