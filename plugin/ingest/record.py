"""Record a shop's facts as rows, and start the flows that they trigger."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, SQLModel

from plugin.consent import implied, suppressed
from plugin.facts import (
    NO_PROFILE,
    ConsentFact,
    EventFact,
    Facts,
    IdentityKey,
    OptionalProfileColumns,
    ProfileFact,
    ProfileRef,
)
from plugin.flows import enrol
from plugin.ingest import record_orders
from plugin.insight.attribution import credit_orders
from plugin.privacy import redaction, requests
from plugin.profiles.identity import resolve_profiles
from plugin.profiles.list_membership import add_to_list
from storage import (
    app_plans,
    backfills,
    checkouts,
    consent,
    coupons,
    events,
    lists,
    markets,
    merges,
    products,
    shops,
    tellings,
    write_backs,
)
from storage.channels import channels_reached_by
from storage.checkouts import CheckoutRow, ReportedCheckout
from storage.consent_ledger import ConsentPurpose
from storage.engine.ids import new_id
from storage.engine.types import JsonObject, Row
from storage.engine.upsert import save_newest
from storage.events import EventRow
from storage.lists import MembershipRow
from storage.privacy_requests import PrivacyTopic
from storage.profiles import IdentityKind
from storage.shops import Shop
from storage.tellings import Telling


def record_facts(session: Session, shop: Shop, facts: Facts, now: datetime) -> list[int]:
    """Record a shop's facts; return the ids of enrolments with a first step due.

    The caller holds the shop's lock and commits.
    """
    for asked in facts.privacy_requests:
        requests.accept_request(session, shop.id, asked, now)
        if (
            asked.kind == PrivacyTopic.REDACT
        ):  # facts recorded after a redaction would create the profile anew
            write_backs.delete_write_backs(session, shop.id, _addresses(asked.identities))
    facts = redaction.drop_redacted(session, shop.id, facts)
    people = [*facts.profiles]
    found = resolve_profiles(session, shop.id, people, now)
    refs = {id(p): profile for p, profile in zip(people, found, strict=True)}
    _wake_write_backs(session, shop, people, refs, now=now)
    _save_catalog(session, shop, facts, now)
    _save_consents(session, shop, facts, refs, now=now)
    suppressed.suppress_reported(session, shop.id, facts.suppressions)
    sold = record_orders.save_orders(session, shop.id, facts, refs)
    new = _save_events(session, shop, sold.newest_first(facts.events), refs)
    record_orders.settle_orders(session, shop.id, facts, sold, new=new)
    _save_checkouts(session, shop, facts, refs)
    _save_described(session, shop, facts, refs)
    entered = _save_joined(session, shop, facts, refs, now=now)
    for at, fields in sorted(facts.shop, key=lambda fact: fact[0]):
        shops.update_details(session, shop.id, at, fields)
    coupons.delete_codes(session, shop.id, facts.deleted_codes)
    coupons.delete_discounts(session, shop.id, facts.deleted_discounts, now)
    backfills.make_due(session, shop.id, facts.finished_operations, now)
    if facts.plan_changed:
        app_plans.mark_unchecked(session, shop.id)
    if facts.historical:
        # Events after the install are new, whether a webhook or the backfill reports them first.
        new = [event for event in new if event["occurred_at"] >= shop.installed_at]
    quiet = {(did.metric, did.unique_id) for did in facts.events if did.is_silent}
    new = [event for event in new if (event["metric"], event["unique_id"]) not in quiet]
    new = record_orders.without_imported(session, shop.id, new)
    placed = [int(event["unique_id"]) for event in new if event["metric"] == record_orders.PLACED]
    if placed:
        credit_orders(session, shop.id, placed)
    if facts.uninstalled_at is not None:
        shops.uninstall(session, shop.id, facts.uninstalled_at)
    return [*entered, *enrol.enrol_for_events(session, shop, new, now)]


def _wake_write_backs(
    session: Session,
    shop: Shop,
    people: Sequence[ProfileFact],
    refs: dict[int, ProfileRef | None],
    *,
    now: datetime,
) -> None:
    """Make write-backs due that waited until a shopper became a customer."""
    if not write_backs.has_due(session, shop.id):
        return
    customers = [
        p for p in people if any(key.kind == IdentityKind.CUSTOMER for key in p.identities)
    ]
    if not customers:
        return
    addresses = _addresses(key for person in customers for key in person.identities)
    found = (refs[id(person)] for person in customers)
    write_backs.make_due(session, shop.id, addresses, [p.profile_id for p in found if p], now=now)


def _addresses(keys: Iterable[IdentityKey]) -> list[tuple[str, str]]:
    """Return (channel, address) of each address among these identities."""
    return [(channel, key.value) for key in keys for channel in channels_reached_by(key.kind)]


def _save_catalog(session: Session, shop: Shop, facts: Facts, now: datetime) -> None:
    products.save_products(session, shop.id, facts.products)
    if facts.products:
        markets.make_due(session, shop.id, now)


def _save_described(
    session: Session, shop: Shop, facts: Facts, refs: dict[int, ProfileRef | None]
) -> None:
    by_table: dict[type[SQLModel], list[Row]] = {}
    for fact in facts.records:
        about: Row = {} if fact.profile is None else _columns(refs.get(id(fact.profile)))
        row = {"shop_id": shop.id, **about, **fact.row}
        by_table.setdefault(fact.table, []).append(row)
    for table, rows in by_table.items():
        save_newest(session, table, rows)


def _save_consents(
    session: Session, shop: Shop, facts: Facts, refs: dict[int, ProfileRef | None], *, now: datetime
) -> None:
    consent.record_consent(
        session,
        [
            {
                "shop_id": shop.id,
                "id": new_id(),
                "dedupe_key": fact.dedupe_key,
                "channel": fact.channel,
                "address": fact.address,
                "state": fact.state,
                "occurred_at": fact.occurred_at,
                "recorded_at": now,
                "source": fact.source,
                "method": fact.method,
                "legal_basis": fact.legal_basis,
                "expires_at": fact.expires_at,
                "disclosure": fact.disclosure,
                "purpose": fact.purpose,
                "profile_id": ref.source_profile_id if (ref := refs[id(fact.profile)]) else None,
            }
            for fact in (
                *_without_repeats(session, shop.id, facts.consents),
                *implied.imply_by_purchase(shop, facts),
            )
        ],
    )


def _without_repeats(
    session: Session, shop_id: int, told: Sequence[ConsentFact]
) -> Iterable[ConsentFact]:
    """Leave out what stands already of open tracking: Shopify keeps no date of it, so that each
    reading of a customer tells it anew.
    """
    asked = {
        (each.channel, each.address)
        for each in told
        if each.purpose == ConsentPurpose.OPEN_TRACKING
    }
    held = consent.states_at(session, shop_id, asked) if asked else {}
    for each in told:
        state = held.get((each.channel, each.address, each.purpose))
        if each.purpose != ConsentPurpose.OPEN_TRACKING or (
            state is None or state["state"] != each.state
        ):
            yield each


def _save_events(
    session: Session, shop: Shop, did: Sequence[EventFact], refs: dict[int, ProfileRef | None]
) -> list[EventRow]:
    """Insert the events; those that were new."""
    earliest = _earliest(did)
    rows: list[EventRow] = [
        {
            "shop_id": shop.id,
            "id": new_id(),
            **ref.columns,
            "metric": each.metric,
            "unique_id": each.unique_id,
            "occurred_at": each.occurred_at,
            "value": each.value,
            "currency": each.currency,
            "properties": each.properties,
        }
        for each in did
        if (ref := refs[id(each.profile)]) is not None
        and (not each.counts_from_earliest or earliest[each.metric, each.unique_id] is each)
    ]
    new = events.add_events(session, rows)
    added = [row for row in rows if row["id"] in new]
    for row in added:
        earliest.pop((row["metric"], row["unique_id"]), None)
    _update_events(session, shop.id, [each for each in did if each.may_change])
    _date_back(session, shop.id, list(earliest.values()))
    return added


def _earliest(did: Sequence[EventFact]) -> dict[tuple[str, str], EventFact]:
    """Return the earliest telling of each event that counts from it."""
    found: dict[tuple[str, str], EventFact] = {}
    for each in did:
        if each.counts_from_earliest:
            held = found.setdefault((each.metric, each.unique_id), each)
            if held is not each and _telling(each).weight() < _telling(held).weight():
                found[each.metric, each.unique_id] = each
    return found


def _telling(did: EventFact) -> Telling:
    return Telling(did.occurred_at, did.value, did.currency, did.properties)


def _date_back(session: Session, shop_id: int, told: Sequence[EventFact]) -> None:
    """Let known events be as the earliest telling says, in any order of arrival."""
    by_metric: dict[str, dict[str, Telling]] = {}
    for each in told:
        by_metric.setdefault(each.metric, {})[each.unique_id] = _telling(each)
    for metric, told_of in by_metric.items():
        tellings.date_back(session, shop_id, metric, told_of)


def _update_events(session: Session, shop_id: int, told: Sequence[EventFact]) -> None:
    """Let known events say what was told of them last."""
    newest: dict[tuple[str, str], EventFact] = {}
    for each in sorted(told, key=lambda each: _version(each.properties)):
        newest[each.metric, each.unique_id] = each
    for metric in {each.metric for each in told}:
        of_metric = {key: each for (name, key), each in newest.items() if name == metric}
        kept = events.descriptions(session, shop_id, metric, of_metric.keys())
        events.describe_events(
            session,
            shop_id,
            [
                {**event, "properties": of_metric[key].properties}
                for key, event in kept.items()
                if _version(event["properties"]) < _version(of_metric[key].properties)
            ],
        )


def _version(properties: JsonObject) -> tuple[str, str]:
    """Return how new a telling is; of one second, any order of them must end in the same."""
    return str(properties.get("updated_at") or ""), json.dumps(properties, sort_keys=True)


def _save_checkouts(
    session: Session, shop: Shop, facts: Facts, refs: dict[int, ProfileRef | None]
) -> None:
    """Save checkouts, and set the items of `Checkout Started` to each one's newest state."""
    newest: dict[str, CheckoutRow] = {}
    for person, row in facts.checkouts:
        held = newest.get(row["token"])
        if held is None or _told(row) >= _told(held):
            ref = refs[id(person)]
            assert ref is not None  # its token is an identity
            newest[row["token"]] = {"shop_id": shop.id, **ref.columns, **row}
    if not newest:
        return
    checkouts.save_checkouts(session, list(newest.values()))
    events.describe_events(
        session,
        shop.id,
        [
            {
                "metric": "Checkout Started",
                "unique_id": checkout.token,
                "value": checkout.total,
                "currency": checkout.currency,
                "properties": {
                    "checkout_token": checkout.token,
                    "checkout_url": checkout.url,
                    "lines": checkout.lines,
                    "item_count": sum(line["quantity"] for line in checkout.lines),
                },
            }
            for checkout in checkouts.checkouts_by_token(session, shop.id, list(newest))
        ],
    )


def _save_joined(
    session: Session, shop: Shop, facts: Facts, refs: dict[int, ProfileRef | None], *, now: datetime
) -> list[int]:
    """Put people on lists; the ids of the enrolments that this begins."""
    if not facts.list_joins:
        return []
    about = [(joined, ref) for joined in facts.list_joins if (ref := refs[id(joined.profile)])]
    rows: list[MembershipRow] = [
        {"shop_id": shop.id, **ref.columns, "list_id": joined.list_id,
         "joined_at": joined.joined_at,
         "source": joined.source}
        for joined, ref in about
    ]  # fmt: skip
    fresh = lists.add_members(session, shop.id, rows)
    merged = merges.load_sources(session, shop.id, {ref.profile_id for _, ref in about})
    entered: list[int] = []
    for joined, ref in about:
        if (joined.list_id, ref.profile_id) not in fresh:
            if (
                ref.source_profile_id in merged
            ):  # another source profile of the shopper may have been on it before
                add_to_list(
                    session, shop.id, joined.list_id, ref, at=joined.joined_at, source=joined.source
                )
        elif joined.starts_flows:
            fresh.discard((joined.list_id, ref.profile_id))
            entered += enrol.enrol_for_list(
                session, shop, joined.list_id, ref, now=now, asked_at=joined.asked_at
            )
    return entered


def _told(row: ReportedCheckout) -> tuple[datetime, datetime]:
    """Return the version of a row: see `storage.engine.upsert`."""
    return row["updated_at"], row["reported_at"]


def _columns(ref: ProfileRef | None) -> OptionalProfileColumns:
    return NO_PROFILE if ref is None else {**ref.columns}
