"""The forgotten. In: facts about people. Out: the facts without those who asked to be forgotten.

Every fact that is no newer than the forgetting is left out, however late it comes: an order keeps
its amounts and loses its buyer, as it does when it was there before.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from plugin.facts import Facts, Person
from storage import data_subject as about
from storage import erasure
from storage import privacy_requests as privacy
from storage.privacy_requests import FOR_GOOD
from storage.profiles import STRONG, find_identities, identities_of

Marks = dict[tuple[str, str], datetime]


def without(session: Session, shop_id: int, facts: Facts) -> Facts:
    """The facts that may be recorded; who was left out is noted in `facts.forgotten`.

    What such a person was known by besides is forgotten with her: her cart's own news may come
    before the order that says whose it was, or after it.
    """
    if not privacy.anybody_forgotten(session, shop_id):
        return facts
    people = _people(facts)
    marks = privacy.forgotten(session, shop_id, {key for p in people for key in p.keys})
    if not marks:
        return facts
    times, known = _times(facts, people), dict(marks)
    out: dict[int, Person] = {}
    while fresh := [p for p in people if id(p) not in out and _until(p, times, marks)]:
        for person in fresh:
            out[id(person)] = person
            until = _until(person, times, marks)
            assert until is not None  # that is why she is here
            for key in person.keys:
                if key.kind not in STRONG and (key not in marks or marks[key] < until):
                    marks[key] = until
    learnt = {key: until for key, until in marks.items() if known.get(key) != until}
    for until in sorted(set(learnt.values())):
        _forget_too(session, shop_id, [k for k, at in learnt.items() if at == until], until)
    facts.forgotten += out.values()
    return _rest(facts, out)


def _people(facts: Facts) -> list[Person]:
    found = {id(p): p for p in facts.people}
    for person in _mentioned(facts):
        found.setdefault(id(person), person)
    return list(found.values())


def _mentioned(facts: Facts) -> Iterable[Person]:
    yield from (did.person for did in facts.events)
    yield from (said.person for said in facts.consents)
    yield from (person for person, _, _ in facts.orders)
    yield from (person for person, _ in facts.checkouts)
    yield from (said.person for said in facts.described if said.person is not None)
    yield from (joined.person for joined in facts.joined)


def _times(facts: Facts, people: list[Person]) -> dict[int, datetime]:
    """How old what is said of each person is: an order's update is as old as the order."""
    times = {id(p): p.at for p in people}
    rows: list[tuple[Person, datetime]] = [(p, row["placed_at"]) for p, row, _ in facts.orders]
    rows += [(p, row["started_at"]) for p, row in facts.checkouts]
    for person, at in rows:
        times[id(person)] = min(times[id(person)], at)
    return times


def _until(person: Person, times: dict[int, datetime], marks: Marks) -> datetime | None:
    """Up to when this person is forgotten, if what is said of her falls under it."""
    hit = [
        marks[key]
        for key in person.keys
        if key in marks and (key.kind in FOR_GOOD or times[id(person)] <= marks[key])
    ]
    return max(hit, default=None)


def _forget_too(
    session: Session, shop_id: int, keys: list[tuple[str, str]], until: datetime
) -> None:
    """Forget a cart or a visit that turned out to be hers, with what it did without a name."""
    privacy.remember(session, shop_id, keys, until)
    for profile_id in set(find_identities(session, shop_id, keys).values()):
        if any(i.kind in STRONG for i in identities_of(session, shop_id, [profile_id])):
            continue  # somebody's by now
        whom = about.find(session, shop_id, _keys(session, shop_id, profile_id))
        erasure.detach(session, shop_id, whom)
        while erasure.erase_some(session, shop_id, whom):
            pass


def _keys(session: Session, shop_id: int, profile_id: int) -> list[tuple[str, str]]:
    return [(i.kind, i.value) for i in identities_of(session, shop_id, [profile_id])]


def _rest(facts: Facts, out: dict[int, Person]) -> Facts:
    nobody = Person((), datetime.min.replace(tzinfo=UTC))
    return replace(
        facts,
        people=[p for p in facts.people if id(p) not in out] + [nobody],
        events=[did for did in facts.events if id(did.person) not in out],
        consents=[said for said in facts.consents if id(said.person) not in out],
        orders=[
            (nobody, row | erasure.ANONYMOUS_ORDER, [_untitled(line) for line in lines])
            if id(person) in out
            else (person, row, lines)
            for person, row, lines in facts.orders
        ],
        checkouts=[(p, row) for p, row in facts.checkouts if id(p) not in out],
        described=[s for s in facts.described if s.person is None or id(s.person) not in out],
        joined=[joined for joined in facts.joined if id(joined.person) not in out],
    )


def _untitled(line: dict[str, Any]) -> dict[str, Any]:
    return line if line["product_id"] is not None else line | {"title": ""}
