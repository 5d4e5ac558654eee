"""Drop facts about redacted people.

Every fact that is no newer than the redaction is dropped, however late it comes: an order keeps its
amounts and loses its buyer, as it does when it was there before.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from sqlmodel import Session

from plugin.facts import Facts, ProfileFact
from storage import data_subject, erasure, suppressions
from storage.orders import ReportedOrderLine
from storage.profiles import STRONG, find_identities, identities_of
from storage.suppressions import PERMANENT_IDENTITIES

Marks = dict[tuple[str, str], datetime]


def drop_redacted(session: Session, shop_id: int, facts: Facts) -> Facts:
    """Return the facts that may be recorded; the dropped profiles are listed in `facts.redacted`.

    Their other identities are redacted with them: a cart's own webhook may come before the order
    that names its shopper, or after it.
    """
    if not suppressions.has_redacted(session, shop_id):
        return facts
    people = _people(facts)
    marks = suppressions.redacted_among(
        session, shop_id, {key for p in people for key in p.identities}
    )
    if not marks:
        return facts
    times, known = _times(facts, people), dict(marks)
    out: dict[int, ProfileFact] = {}
    while fresh := [p for p in people if id(p) not in out and _until(p, times, marks)]:
        for person in fresh:
            out[id(person)] = person
            until = _until(person, times, marks)
            assert until is not None  # that is why this profile is here
            for key in person.identities:
                if key.kind not in STRONG and (key not in marks or marks[key] < until):
                    marks[key] = until
    learnt = {key: until for key, until in marks.items() if known.get(key) != until}
    for until in sorted(set(learnt.values())):
        _forget_too(session, shop_id, [k for k, at in learnt.items() if at == until], until)
    facts.redacted += out.values()
    return _rest(facts, out)


def _people(facts: Facts) -> list[ProfileFact]:
    found = {id(p): p for p in facts.profiles}
    for person in _mentioned(facts):
        found.setdefault(id(person), person)
    return list(found.values())


def _mentioned(facts: Facts) -> Iterable[ProfileFact]:
    yield from (did.profile for did in facts.events)
    yield from (fact.profile for fact in facts.consents)
    yield from (person for person, _, _ in facts.orders)
    yield from (person for person, _ in facts.checkouts)
    yield from (fact.profile for fact in facts.records if fact.profile is not None)
    yield from (joined.profile for joined in facts.list_joins)


def _times(facts: Facts, people: list[ProfileFact]) -> dict[int, datetime]:
    """Return how old the fact of each profile is: an order's update is as old as the order."""
    times = {id(p): p.reported_at for p in people}
    rows: list[tuple[ProfileFact, datetime]] = [(p, row["placed_at"]) for p, row, _ in facts.orders]
    rows += [(p, row["started_at"]) for p, row in facts.checkouts]
    for person, at in rows:
        times[id(person)] = min(times[id(person)], at)
    return times


def _until(person: ProfileFact, times: dict[int, datetime], marks: Marks) -> datetime | None:
    """Return up to when a profile is redacted, if its fact falls under that."""
    hit = [
        marks[key]
        for key in person.identities
        if key in marks and (key.kind in PERMANENT_IDENTITIES or times[id(person)] <= marks[key])
    ]
    return max(hit, default=None)


def _forget_too(
    session: Session, shop_id: int, keys: list[tuple[str, str]], until: datetime
) -> None:
    """Redact a cart or visit that proved to be the data subject's, with its anonymous events."""
    suppressions.add_redacted(session, shop_id, keys, until)
    for profile_id in set(find_identities(session, shop_id, keys).values()):
        if any(i.kind in STRONG for i in identities_of(session, shop_id, [profile_id])):
            continue  # it has a profile by now
        subject = data_subject.find_subject(session, shop_id, _keys(session, shop_id, profile_id))
        erasure.detach_subject(session, shop_id, subject)
        while erasure.erase_batch(session, shop_id, subject):
            pass


def _keys(session: Session, shop_id: int, profile_id: int) -> list[tuple[str, str]]:
    return [(i.kind, i.value) for i in identities_of(session, shop_id, [profile_id])]


def _rest(facts: Facts, out: dict[int, ProfileFact]) -> Facts:
    nobody = ProfileFact((), datetime.min.replace(tzinfo=UTC))
    return replace(
        facts,
        profiles=[p for p in facts.profiles if id(p) not in out] + [nobody],
        events=[did for did in facts.events if id(did.profile) not in out],
        consents=[fact for fact in facts.consents if id(fact.profile) not in out],
        orders=[
            (nobody, {**row, **erasure.ANONYMOUS_ORDER}, [_untitled(line) for line in lines])
            if id(person) in out
            else (person, row, lines)
            for person, row, lines in facts.orders
        ],
        checkouts=[(p, row) for p, row in facts.checkouts if id(p) not in out],
        records=[s for s in facts.records if s.profile is None or id(s.profile) not in out],
        list_joins=[joined for joined in facts.list_joins if id(joined.profile) not in out],
    )


def _untitled(line: ReportedOrderLine) -> ReportedOrderLine:
    return line if line["product_id"] is not None else {**line, "title": ""}
