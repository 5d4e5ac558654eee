"""Customers: what differs in their fields, properties, identities and consent."""

from sqlmodel import Session

from plugin.facts import Facts, ProfileFact
from plugin.profiles import fields
from plugin.profiles.fields import PROPERTY
from plugin.sync.comparison.rows import Differences
from storage import consent, profiles
from storage.consent_ledger import ReportedConsent
from storage.engine.types import Row
from storage.profiles import IdentityKind, ProfileRow
from storage.reconciliations import DifferenceKind

KINDS_BY_SEVERITY = (DifferenceKind.MISSING, DifferenceKind.STALE, DifferenceKind.PARTIAL)

LANGUAGE = "locale"

SUMS = frozenset((f"{PROPERTY}orders_count", f"{PROPERTY}total_spent"))


def compare_customers(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which customers are missing, stale or partial."""
    keys = {key for person in facts.profiles for key in person.identities}
    known = profiles.find_identities(session, shop_id, keys)
    rows = profiles.load_profiles(session, shop_id, known.values())
    words = _words(session, shop_id, facts)
    found: Differences = {}
    for person in facts.profiles:
        if (customer := customer_id(person)) is None:
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
        row = rows.get(known.get((IdentityKind.CUSTOMER, customer_id(person) or ""), 0))
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


def customer_id(person: ProfileFact) -> str | None:
    """Shopify's id of a customer."""
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
