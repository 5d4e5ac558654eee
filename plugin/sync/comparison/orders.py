"""Orders, abandoned checkouts, and what happened to orders: what differs."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlmodel import Session

from plugin.facts import EventFact, Facts
from plugin.sync.comparison.rows import Differences, find_kind, find_lacking
from storage import checkouts, events, orders
from storage.checkouts import LineItem
from storage.engine.types import JsonObject
from storage.orders import ReportedOrderLine
from storage.profiles import IdentityKind
from storage.reconciliations import DifferenceKind
from storage.shops import Shop


def compare_orders(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which orders are missing, stale or partial."""
    ids = [row["id"] for _, row, _ in facts.orders]
    kept = orders.orders_by_id(session, shop_id, ids)
    lines = orders.lines_by_order(session, shop_id, ids)
    lacking = find_lacking(session, shop_id, facts)
    found: Differences = {}
    for person, row, reported in facts.orders:
        have = kept.get(row["id"])
        same = _lines(lines.get(row["id"], ())) == _lines(reported)
        # What has no buyer, as most sales at a till, has no events either.
        has_owner = person.makes_profile or (have is not None and have.profile_id is not None)
        whole = id(person) not in lacking or not has_owner
        kind = find_kind(have, row, row["updated_at"], same=same, whole=whole)
        if have is not None and have.profile_id is None and person.makes_profile:
            kind = kind or DifferenceKind.PARTIAL
        if kind:
            found[str(row["id"])] = kind
    return found


def compare_checkouts(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which abandoned checkouts are missing, stale or partial."""
    tokens = [row["token"] for _, row in facts.checkouts]
    kept = {each.token: each for each in checkouts.checkouts_by_token(session, shop_id, tokens)}
    # Shopify creates a customer for an address at checkout, but reports the checkout before.
    lacking = find_lacking(session, shop_id, facts, but=(IdentityKind.CUSTOMER,))
    found: Differences = {}
    for person, row in facts.checkouts:
        have = kept.get(row["token"])
        same = have is not None and _amounts(have.lines) == _amounts(row["lines"])
        reported = {name: value for name, value in row.items() if name != "lines"}
        whole = id(person) not in lacking
        if kind := find_kind(have, reported, row["updated_at"], same=same, whole=whole):
            found[row["token"]] = kind
    return found


def compare_happenings(session: Session, shop_id: int, facts: Facts) -> Differences:
    """What happened to orders and we have no event of, or of a parcel an older one. Where an order
    has no buyer, there can be none.
    """
    told = _of_buyers(session, shop_id, facts.events)
    known = events.known_events(session, shop_id, [(did.metric, did.unique_id) for did in told])
    sent = {did.unique_id: did for did in told if did.may_change}
    held = events.descriptions(session, shop_id, "Confirmed Shipment", sent.keys())
    stale = {
        key for key, event in held.items() if _has_news(event["properties"], sent[key].properties)
    }
    found: Differences = {}
    by_record: dict[str, set[bool]] = {}
    for did in told:
        by_record.setdefault(happening_id(did), set()).add((did.metric, did.unique_id) in known)
    for record, is_known in by_record.items():
        if is_known == {False}:
            found[record] = DifferenceKind.MISSING
        elif record in stale:
            found[record] = DifferenceKind.STALE
        elif False in is_known:
            found[record] = DifferenceKind.PARTIAL
    return found


def find_earlier(session: Session, shop: Shop, facts: Facts) -> list[EventFact]:
    """What happened to orders before the install and we lack: no webhook was to tell of it, so that
    to learn it is no repair.
    """
    earlier = [did for did in facts.events if did.occurred_at < shop.installed_at]
    told = _of_buyers(session, shop.id, earlier)
    known = events.known_events(session, shop.id, [(did.metric, did.unique_id) for did in told])
    return [did for did in told if (did.metric, did.unique_id) not in known]


def happening_id(did: EventFact) -> str:
    """The refund, return or fulfilment that an event is about."""
    about = did.properties.get("return_id") or did.properties.get("fulfillment_id")
    return str(about or did.unique_id)


def _of_buyers(session: Session, shop_id: int, told: Sequence[EventFact]) -> list[EventFact]:
    """The events of orders that have a buyer, or are not known yet."""
    ownerless = orders.find_ownerless(
        session, shop_id, {int(did.properties["order_id"]) for did in told}
    )
    return [did for did in told if did.properties["order_id"] not in ownerless]


def _has_news(held: JsonObject, told: JsonObject) -> bool:
    """Whether a newer telling names other parcels; their links may be written in two ways."""
    is_newer = str(held.get("updated_at") or "") < told["updated_at"]
    lacks_links = bool(told["tracking_urls"]) and not held.get("tracking_urls")
    differs = held.get("tracking_numbers") != told["tracking_numbers"] or lacks_links
    return is_newer and differs


def _lines(lines: Iterable[ReportedOrderLine]) -> Counter[tuple[str, int, int]]:
    """Lines in any order. A product that is deleted since is not asked for."""
    return Counter((line["title"], line["quantity"], line["price"]) for line in lines)


def _amounts(lines: Iterable[LineItem]) -> Counter[tuple[int, int]]:
    """A checkout's lines in any order. Its webhook alone has titles in the shopper's language."""
    return Counter((line["quantity"], line["price"]) for line in lines)
