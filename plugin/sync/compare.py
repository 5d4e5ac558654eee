"""Compare records of Shopify's with ours, and return the differences.

Only values count that a webhook would have carried, not their report times. A record of ours that
is newer than Shopify's answer is left alone: its webhook came while the answer was on its way.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any, cast

from sqlmodel import Session, SQLModel

from plugin.facts import Facts, ProfileFact
from plugin.profiles import fields
from plugin.profiles.fields import PROPERTY
from storage import checkouts, collections, consent, events, inventory, orders, products, profiles
from storage.backfills import StoreNoun
from storage.checkouts import LineItem
from storage.collections import ReportedCollection
from storage.consent_ledger import ReportedConsent
from storage.engine.types import Row
from storage.inventory import ReportedStock, Stock
from storage.orders import ReportedOrderLine
from storage.products import DELETED, ReportedVariant
from storage.profiles import IdentityKind, ProfileRow
from storage.reconciliations import DifferenceKind

KINDS_BY_SEVERITY = (DifferenceKind.MISSING, DifferenceKind.STALE, DifferenceKind.PARTIAL)
# The report time of a row is no part of its values.
TIME_COLUMNS = frozenset(("updated_at", "reported_at", "started_at"))
# The API and the webhook may write these in two ways (links with other keys, cleaned HTML), or one
# of them leaves them out (what was deleted since): they only differ where we have nothing.
LOOSE_COLUMNS = frozenset(
    (
        *("status_url", "url", "image", "description", "discount_codes", "cart_token"),
        *("checkout_token", "completed_at"),
    )
)

LANGUAGE = "locale"
SUMS = frozenset((f"{PROPERTY}orders_count", f"{PROPERTY}total_spent"))


def record_id(noun: StoreNoun, facts: Facts) -> str:
    """The storefront's own id of the record that these facts are about."""
    if noun == StoreNoun.CUSTOMERS:
        return _customer(facts.profiles[0]) or ""
    if noun in (StoreNoun.PRODUCTS, StoreNoun.DELETIONS):
        return str(facts.products[0][0]["id"])
    if noun == StoreNoun.ORDERS:
        return str(facts.orders[0][1]["id"])
    if noun == StoreNoun.CHECKOUTS:
        return str(facts.checkouts[0][1]["token"])
    return str(facts.records[0].row["id"])


def find_differences(
    session: Session, shop_id: int, noun: StoreNoun, facts: Facts
) -> dict[str, DifferenceKind]:
    """Which of the records of a noun are missing, partial or stale, by their id."""
    return COMPARERS[noun](session, shop_id, facts)


def _customers(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    keys = {key for person in facts.profiles for key in person.identities}
    known = profiles.find_identities(session, shop_id, keys)
    rows = profiles.load_profiles(session, shop_id, known.values())
    words = _words(session, shop_id, facts)
    found: dict[str, DifferenceKind] = {}
    for person in facts.profiles:
        if (customer := _customer(person)) is None:
            continue
        kinds = {found.get(customer), words.get(id(person))}
        row = rows.get(known.get((IdentityKind.CUSTOMER, customer), 0))
        if row is None:
            kinds.add(DifferenceKind.MISSING)
        else:
            _untag(row, person)
            kinds |= {
                DifferenceKind.STALE if _value(row, name) else DifferenceKind.PARTIAL
                for name, value in _news(row, person).items()
                if _is_told(row, name, value)
            }
            kinds |= {DifferenceKind.PARTIAL for key in person.identities if key not in known}
        if kind := next((each for each in KINDS_BY_SEVERITY if each in kinds), None):
            found[customer] = kind
    return found


def find_untold(session: Session, shop_id: int, facts: Facts) -> list[ProfileFact]:
    """What we lack of customers that we know, and no webhook tells: to learn it is no repair."""
    known = profiles.find_identities(
        session, shop_id, {key for person in facts.profiles for key in person.identities}
    )
    rows = profiles.load_profiles(session, shop_id, known.values())
    found = []
    for person in facts.profiles:
        row = rows.get(known.get((IdentityKind.CUSTOMER, _customer(person) or ""), 0))
        if row is None:
            continue
        lacking = {
            name
            for name, value in _news(row, person).items()
            if _value(row, name) is None and not _is_told(row, name, value)
        }
        columns = {name: value for name, value in person.fields.items() if name in lacking}
        properties = {
            name: value for name, value in person.properties.items() if PROPERTY + name in lacking
        }
        if lacking:
            found.append(ProfileFact(person.identities, person.reported_at, columns, properties))
    return found


def _is_told(row: ProfileRow, name: str, value: object) -> bool:
    """Whether a webhook would have told it: none tells a language of its own, nor sums of
    nothing.
    """
    return name != LANGUAGE and (name not in SUMS or bool(value or _value(row, name)))


def _untag(row: ProfileRow, person: ProfileFact) -> None:
    """Where Shopify names all tags that there are, one that it leaves out was taken off."""
    if person.complete_prefix:
        held = {name for name, on in row["properties"].items() if on}
        gone = {
            name for name in held if name.startswith(person.complete_prefix)
        } - person.properties.keys()
        person.properties |= dict.fromkeys(gone, False)


def _customer(person: ProfileFact) -> str | None:
    return next((key.value for key in person.identities if key.kind == IdentityKind.CUSTOMER), None)


def _news(row: ProfileRow, person: ProfileFact) -> dict[str, object]:
    """The fields and properties that would not stay as they are, and what they would be."""
    values = fields.values_of(person)
    folded = row.copy()
    fields.apply_values(folded, values)
    return {
        name: _value(folded, name) for name in values if _value(folded, name) != _value(row, name)
    }


def _value(row: ProfileRow, name: str) -> object:
    columns: Row = row
    if name.startswith(PROPERTY):
        return row["properties"].get(name.removeprefix(PROPERTY))
    return columns[name]


def _words(session: Session, shop_id: int, facts: Facts) -> dict[int, DifferenceKind]:
    """Return the profiles with consent that the ledger lacks, or holds an older entry of."""
    entries: list[ReportedConsent] = [
        {
            "shop_id": shop_id,
            "dedupe_key": fact.dedupe_key,
            "channel": fact.channel,
            "address": fact.address,
            "state": fact.state,
            "occurred_at": fact.occurred_at,
            "source": fact.source,
        }
        for fact in facts.consents
    ]
    news = consent.new_entries(session, shop_id, entries)
    unrecorded = [fact for fact in facts.consents if fact.dedupe_key in news]
    asked = [(fact.channel, fact.address) for fact in unrecorded]
    old = {(c.channel, c.address) for c in consent.consents_of(session, shop_id, asked)}
    return {
        id(fact.profile): DifferenceKind.STALE
        if (fact.channel, fact.address) in old
        else DifferenceKind.PARTIAL
        for fact in unrecorded
    }


def _orders(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    ids = [row["id"] for _, row, _ in facts.orders]
    kept = orders.orders_by_id(session, shop_id, ids)
    lines = orders.lines_by_order(session, shop_id, ids)
    lacking = _lacking(session, shop_id, facts)
    found: dict[str, DifferenceKind] = {}
    for person, row, reported in facts.orders:
        have = kept.get(row["id"])
        same = _lines(lines.get(row["id"], ())) == _lines(reported)
        kind = _kind(have, row, row["updated_at"], same=same, whole=id(person) not in lacking)
        if have is not None and have.profile_id is None and person.identities:
            kind = kind or DifferenceKind.PARTIAL
        if kind:
            found[str(row["id"])] = kind
    return found


def _checkouts(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    tokens = [row["token"] for _, row in facts.checkouts]
    kept = {each.token: each for each in checkouts.checkouts_by_token(session, shop_id, tokens)}
    # Shopify creates a customer for an address at checkout, but reports the checkout before.
    lacking = _lacking(session, shop_id, facts, but=(IdentityKind.CUSTOMER,))
    found: dict[str, DifferenceKind] = {}
    for person, row in facts.checkouts:
        have = kept.get(row["token"])
        same = have is not None and _amounts(have.lines) == _amounts(row["lines"])
        reported = {name: value for name, value in row.items() if name != "lines"}
        whole = id(person) not in lacking
        if kind := _kind(have, reported, row["updated_at"], same=same, whole=whole):
            found[row["token"]] = kind
    return found


def _products(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    ids = [row["id"] for row, _, _ in facts.products]
    kept = products.products_by_id(session, shop_id, ids)
    sizes = products.variants_by_product(session, shop_id, ids)
    said = [cast("ReportedStock", each.row) for each in facts.records if each.table is Stock]
    stocks = {stock["variant_id"]: stock for stock in said}
    held = inventory.stocks(session, shop_id, list(stocks))
    found: dict[str, DifferenceKind] = {}
    for row, reported, _ in facts.products:
        same = _sizes(sizes.get(row["id"], ())) == _sizes(reported)
        amounts = [(held.get(each["id"]), stocks[each["id"]]) for each in reported]
        whole = all(stock is not None for stock, _ in amounts)
        kind = _kind(kept.get(row["id"]), row, row["updated_at"], same=same, whole=whole)
        if kind != DifferenceKind.MISSING and any(_moved(*each) for each in amounts):
            kind = DifferenceKind.STALE
        if kind:
            found[str(row["id"])] = kind
    return found


def _deletions(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    """Products that we still offer. What we never knew is no loss."""
    kept = products.products_by_id(session, shop_id, [row["id"] for row, _, _ in facts.products])
    return {str(key): DifferenceKind.STALE for key, have in kept.items() if have.status != DELETED}


def _collections(session: Session, shop_id: int, facts: Facts) -> dict[str, DifferenceKind]:
    rows = [cast("ReportedCollection", each.row) for each in facts.records]
    kept = collections.collections_by_id(session, shop_id, [row["id"] for row in rows])
    found: dict[str, DifferenceKind] = {}
    for row in rows:
        if kind := _kind(kept.get(row["id"]), row, row["updated_at"], same=True, whole=True):
            found[str(row["id"])] = kind
    return found


def _collection_deletions(
    session: Session, shop_id: int, facts: Facts
) -> dict[str, DifferenceKind]:
    """Collections that we think are still there."""
    ids = [cast("ReportedCollection", each.row)["id"] for each in facts.records]
    kept = collections.collections_by_id(session, shop_id, ids)
    return {str(key): DifferenceKind.STALE for key, have in kept.items() if not have.deleted}


def _moved(stock: Stock | None, row: ReportedStock) -> bool:
    """Whether there are more or fewer than we think; stock moves without a product's change."""
    return (
        stock is not None
        and stock.updated_at <= row["updated_at"]
        and stock.available != row["available"]
    )


def _kind(
    have: SQLModel | None, reported: Row, updated_at: datetime, *, same: bool, whole: bool
) -> DifferenceKind | None:
    """What a record is: missing, stale, or partial. `same` says that its children are, `whole`
    that nothing beside it is lacking.
    """
    if have is None:
        return DifferenceKind.MISSING
    kept = have.model_dump()
    if kept["updated_at"] > updated_at:
        return None
    if same and not any(_differs(kept[name], reported[name], name) for name in reported):
        return None if whole else DifferenceKind.PARTIAL
    return DifferenceKind.STALE if kept["updated_at"] < updated_at else DifferenceKind.PARTIAL


def _differs(kept: Any, reported: Any, name: str) -> bool:
    if name in TIME_COLUMNS:
        return False
    if name in LOOSE_COLUMNS:
        return not kept and bool(reported)
    if name == "tags":
        return sorted(kept) != sorted(reported)
    return bool(kept != reported)


def _lines(lines: Iterable[ReportedOrderLine]) -> Counter[tuple[str, int, int]]:
    """Lines in any order. A product that is deleted since is not asked for."""
    return Counter((line["title"], line["quantity"], line["price"]) for line in lines)


def _amounts(lines: Iterable[LineItem]) -> Counter[tuple[int, int]]:
    """A checkout's lines in any order. Its webhook alone has titles in the shopper's language."""
    return Counter((line["quantity"], line["price"]) for line in lines)


SIZE = (
    *("id", "title", "sku", "price", "compare_at_price", "inventory_item_id"),
    *("inventory_policy", "tracked"),
)
_size = itemgetter(*SIZE)


def _sizes(variants: Iterable[ReportedVariant]) -> set[tuple[object, ...]]:
    return {_size(variant) for variant in variants}


def _lacking(session: Session, shop_id: int, facts: Facts, but: Collection[str] = ()) -> set[int]:
    """Return the profiles, by `id` of their fact, with a missing event or identity."""
    keys = {key for person in facts.profiles for key in person.identities if key.kind not in but}
    known = profiles.find_identities(session, shop_id, keys)
    lacking = {
        id(p) for p in facts.profiles if any(k in keys and k not in known for k in p.identities)
    }
    names = [(did.metric, did.unique_id) for did in facts.events]
    reported = events.known_events(session, shop_id, names)
    lacking |= {id(d.profile) for d in facts.events if (d.metric, d.unique_id) not in reported}
    return lacking


COMPARERS: dict[str, Callable[[Session, int, Facts], dict[str, DifferenceKind]]] = {
    StoreNoun.CUSTOMERS: _customers,
    StoreNoun.PRODUCTS: _products,
    StoreNoun.ORDERS: _orders,
    StoreNoun.CHECKOUTS: _checkouts,
    StoreNoun.COLLECTIONS: _collections,
    StoreNoun.DELETIONS: _deletions,
    StoreNoun.COLLECTION_DELETIONS: _collection_deletions,
}
