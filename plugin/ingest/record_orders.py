"""Record orders, and keep their events and credits equal to what each order is worth now.

Of an order told several times the newest word counts, in whichever order they come: so do what its
`Placed Order` and `Ordered Product` say, and what messages earned by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from plugin.facts import NO_PROFILE, EventFact, Facts, ProfileRef
from plugin.insight import attribution
from plugin.shopify.normalise.orders import IMPORTED
from storage import coupons, events, orders
from storage.events import EventDescription, EventRow
from storage.orders import OrderLineRow, OrderRow, ReportedOrder

PLACED, ORDERED = "Placed Order", "Ordered Product"


@dataclass(slots=True)
class SavedOrders:
    """What a batch said of orders."""

    rows: dict[int, OrderRow] = field(default_factory=dict)  # the newest of the batch, by order
    tellers: dict[int, int] = field(default_factory=dict)  # id() of who told it: order
    taken: set[int] = field(default_factory=set)  # orders of which that is the newest we know
    before: dict[int, EventDescription] = field(default_factory=dict)  # of their `Placed Order`

    def newest_first(self, did: Sequence[EventFact]) -> Sequence[EventFact]:
        """Events with those of an order's newest telling first: of one event the first counts."""
        if not self.tellers:
            return did
        return sorted(did, key=lambda fact: id(fact.profile) not in self.tellers)


def save_orders(
    session: Session, shop_id: int, facts: Facts, refs: Mapping[int, ProfileRef | None]
) -> SavedOrders:
    """Save a shop's orders, before their events are added."""
    newest: dict[int, tuple[OrderRow, list[OrderLineRow], int]] = {}
    for person, order, lines in facts.orders:
        ref = refs[id(person)]
        row: OrderRow = {
            "shop_id": shop_id,
            **(NO_PROFILE if ref is None else ref.columns),
            **order,
        }
        held = newest.get(row["id"])
        if held is None or _told_at(row) >= _told_at(held[0]):
            newest[row["id"]] = (row, [{"shop_id": shop_id, **line} for line in lines], id(person))
    if not newest:
        return SavedOrders()
    rows = {key: row for key, (row, _, _) in newest.items()}
    lines_now = [line for _, of_order, _ in newest.values() for line in of_order]
    taken = orders.save_orders(session, list(rows.values()), lines_now)
    coupons.redeem_codes(
        session, shop_id, [(key, row["discount_codes"]) for key, row in rows.items()]
    )
    kept = events.descriptions(session, shop_id, PLACED, [str(each) for each in taken])
    saved = SavedOrders(
        rows,
        {teller: key for key, (_, _, teller) in newest.items()},
        taken,
        {int(unique_id): event for unique_id, event in kept.items()},
    )
    _rename_by_line(session, shop_id, facts, saved)
    return saved


def settle_orders(
    session: Session, shop_id: int, facts: Facts, saved: SavedOrders, *, new: Sequence[EventRow]
) -> None:
    """Bring known events and credits up to date, once the new events are added."""
    if not facts.orders:
        return
    described: list[EventDescription] = []
    changed: set[int] = set()
    said = _descriptions(facts, saved) if saved.before else {}
    for order_id, before in saved.before.items():
        row = saved.rows[order_id]
        now = said.get(order_id) or _revalued(
            session, shop_id, before, _worth(row), is_gone=row["cancelled_at"] is not None
        )
        if next(each for each in now if each["metric"] == PLACED) != before:
            described += now
            changed.add(order_id)
        elif row["cancelled_at"] is not None:  # all of it was refunded before
            changed.add(order_id)
    described += _late(session, shop_id, facts, saved, new=new)
    events.describe_events(session, shop_id, described)
    if changed:
        attribution.change_credits(session, shop_id, changed)


def without_imported(session: Session, shop_id: int, new: Sequence[EventRow]) -> list[EventRow]:
    """New events without those of orders that were brought from another system: these are placed,
    fulfilled and cancelled as they are brought, and set off nothing.
    """
    about = {
        event["id"]: str(event["properties"]["order_id"])
        for event in new
        if "order_id" in event["properties"]
    }
    placed = events.descriptions(session, shop_id, PLACED, set(about.values()))
    brought = {key for key, event in placed.items() if event["properties"].get(IMPORTED)}
    return [event for event in new if about.get(event["id"]) not in brought]


def _late(
    session: Session, shop_id: int, facts: Facts, saved: SavedOrders, *, new: Sequence[EventRow]
) -> list[EventDescription]:
    """Events that are told after newer news, or with it: the order had no buyer, or is deleted."""
    placed = {int(row["unique_id"]) for row in new if row["metric"] == PLACED}
    told = {
        saved.tellers[id(did.profile)] for did in _told(facts, saved) if did.metric == PLACED
    } & saved.taken
    late = sorted(placed - told)
    if not late:
        return []
    added = events.descriptions(session, shop_id, PLACED, [str(each) for each in late])
    found: list[EventDescription] = []
    for order in orders.orders_by_id(session, shop_id, late).values():
        is_gone = order.cancelled_at is not None
        worth = 0 if is_gone else order.total
        found += _revalued(session, shop_id, added[str(order.id)], worth, is_gone=is_gone)
    return found


def _descriptions(facts: Facts, saved: SavedOrders) -> dict[int, list[EventDescription]]:
    """What the newest telling of each known order says of its events."""
    found: dict[int, list[EventDescription]] = {}
    for did in _told(facts, saved):
        order_id = saved.tellers[id(did.profile)]
        if order_id in saved.before:
            found.setdefault(order_id, []).append(
                {
                    "metric": did.metric,
                    "unique_id": did.unique_id,
                    "value": did.value,
                    "currency": did.currency,
                    "properties": did.properties,
                }
            )
    return found


def _told(facts: Facts, saved: SavedOrders) -> Iterable[EventFact]:
    return (
        did
        for did in facts.events
        if did.metric in (PLACED, ORDERED) and id(did.profile) in saved.tellers
    )


def _revalued(
    session: Session, shop_id: int, placed: EventDescription, worth: int, *, is_gone: bool
) -> list[EventDescription]:
    """An order's events with what it is worth now, where nothing else is told of it."""
    if placed["value"] == worth:
        return [placed]
    about = placed["properties"]
    lines = about.get("lines", ()) if is_gone else ()
    names = [f"{placed['unique_id']}:{line['line_id']}" for line in lines]
    found = list(events.descriptions(session, shop_id, ORDERED, names).values())
    for event in found:
        event["value"] = 0
    ordered = {"ordered_value": about.get("ordered_value", placed["value"])}
    return [{**placed, "value": worth, "properties": about | ordered}, *found]


def _rename_by_line(session: Session, shop_id: int, facts: Facts, saved: SavedOrders) -> None:
    """Rename what was bought, in orders that were recorded when a line was known by its place.

    Their `Placed Order` does not tell lines yet.
    """
    old = {key for key, event in saved.before.items() if "lines" not in event["properties"]}
    if not old:
        return
    names: list[tuple[str, str]] = []
    places: dict[int, int] = {}
    for did in _told(facts, saved):
        order_id = saved.tellers[id(did.profile)]
        if order_id in old and did.metric == ORDERED:
            place = places[order_id] = places.get(order_id, -1) + 1
            if did.unique_id != f"{order_id}:{place}":
                names.append((f"{order_id}:{place}", did.unique_id))
    events.rename_events(session, shop_id, ORDERED, names)


def _worth(row: ReportedOrder) -> int:
    return 0 if row["cancelled_at"] is not None else row["total"]


def _told_at(row: ReportedOrder) -> tuple[object, object]:
    """Return the version of a row: see `storage.engine.upsert`."""
    return row["updated_at"], row["reported_at"]
