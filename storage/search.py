"""Search the shoppers that typed words match, newest first; among all, or among a list's members.

Few matches are found in indexes and sorted. Many matches are met on the way back in time from the
latest profile, which fills a page soon because they are many.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, true, tuple_, union_all
from sqlalchemy import select as columns
from sqlalchemy.sql import Select
from sqlmodel import Session, col, select

from storage.lists import Membership
from storage.profile_names import ProfileName, fold_name
from storage.profiles import STRENGTH, Identity, IdentityKind, Profile, profiles_by_id

# Measured with a million profiles on SQLite. The moments of 1,000 are looked up in 5 ms, which in a
# file out of the page cache are 1,000 reads. A set of 40,000 is made in 8 ms, and the walk back in
# time then takes 1 ms for 6,000 people, 100 ms for all. One lookup without a set takes 3 us.
MAX_HITS_SORTED, MAX_HITS_COUNTED = 1_000, 40_000
MAX_ROWS_SCANNED = 20_000
LAST = "\U0010ffff"  # stands behind everything that a text may go on with
PHONE_SIGNS = re.compile(r"[\s().\-/]")

Cursor = tuple[datetime, int]  # when a profile was last seen or joined, and its id


class SearchIndex(NamedTuple):
    """An index that leads back in time: its moment, its profile id, and which rows match."""

    at: Any
    id: Any
    where: tuple[ColumnElement[bool], ...]


@dataclass(frozen=True)
class SearchTerms:
    """What words may mean."""

    words: str
    name: str = ""
    email: str = ""
    phones: tuple[str, ...] = ()


def parse_search(words: str, calling_code: int = 0) -> SearchTerms:
    """What words may mean; a number without its + may be one of the country with this code."""
    words = words.replace("\0", "").strip()  # which PostgreSQL holds in no text
    email = words.lower() if words and not re.search(r"\s", words) else ""
    digits = PHONE_SIGNS.sub("", words)
    if not re.fullmatch(r"\+?[0-9]+", digits):
        return SearchTerms(words, fold_name(words), email)
    if digits.startswith(("+", "00")):
        return SearchTerms(words, "", email, (f"+{digits.lstrip('+0')}",))
    at_home = f"+{calling_code}{digits.lstrip('0')}" if calling_code else f"+{digits}"
    return SearchTerms(words, "", email, (f"+{digits}", at_home))


def search_profiles(
    session: Session,
    shop_id: int,
    words: str,
    *,
    limit: int,
    before: Cursor | None = None,
    calling_code: int = 0,
) -> Sequence[Profile]:
    """Return profiles with a name (either one first), email or number that begins with `words`, or
    with exactly this identity; the most recently seen first.

    Capitals and accents do not matter.

    Args:
        before: the (seen at, id) of the last profile of the page before.
    """
    sought = parse_search(words, calling_code)
    if not sought.words:
        return _newest(session, shop_id, before, limit)
    way = _everybody(shop_id)
    ids = _ids(session, shop_id, way, sought, before=before, limit=limit)
    found = profiles_by_id(session, shop_id, ids)
    return [found[profile_id] for profile_id in ids if profile_id in found]


def search_members(
    session: Session,
    shop_id: int,
    list_id: int,
    words: str,
    *,
    limit: int,
    before: Cursor | None = None,
    calling_code: int = 0,
) -> Sequence[int]:
    """The ids of those on a list who are meant as by `search_profiles`; who joined last first.

    Args:
        before: the (joined at, id) of the last one of the page before.
    """
    there = (col(Membership.shop_id) == shop_id, col(Membership.list_id) == list_id)
    way = SearchIndex(col(Membership.joined_at), col(Membership.profile_id), there)
    return _ids(
        session, shop_id, way, parse_search(words, calling_code), before=before, limit=limit
    )


def _everybody(shop_id: int) -> SearchIndex:
    return SearchIndex(
        col(Profile.last_active_at), col(Profile.id), (col(Profile.shop_id) == shop_id,)
    )


def _hits(shop_id: int, sought: SearchTerms) -> list[Select[Any]]:
    """Who is meant, by each index: profile ids, perhaps several times."""
    known = columns(col(Identity.profile_id)).where(col(Identity.shop_id) == shop_id)
    value = col(Identity.value)
    found = [
        # One place in the index for each kind.
        known.where(col(Identity.kind).in_(STRENGTH), value == sought.words)
    ]
    if sought.email:
        found.append(
            known.where(col(Identity.kind) == IdentityKind.EMAIL, _begins(value, sought.email))
        )
    found += [
        known.where(col(Identity.kind) == IdentityKind.PHONE, _begins(value, phone))
        for phone in dict.fromkeys(sought.phones)
    ]
    if sought.name:
        found.append(
            columns(col(ProfileName.profile_id)).where(
                col(ProfileName.shop_id) == shop_id,
                _begins(col(ProfileName.prefix), sought.name),
            )
        )
    return found


def _begins(column: Any, text: str) -> ColumnElement[bool]:
    return and_(column >= text, column < text + LAST)


def _count(session: Session, hits: Sequence[Select[Any]]) -> int:
    """How many hits there are, counted no further than is of interest."""
    total = 0
    for each in hits:
        some = each.limit(MAX_HITS_COUNTED + 1 - total).subquery()
        total += session.connection().execute(columns(func.count()).select_from(some)).scalar_one()
        if total > MAX_HITS_COUNTED:
            break
    return total


def _ids(
    session: Session,
    shop_id: int,
    way: SearchIndex,
    sought: SearchTerms,
    *,
    before: Cursor | None,
    limit: int,
) -> list[int]:
    """The ids of the first who are meant."""
    hits = _hits(shop_id, sought)
    meant = columns(union_all(*hits).subquery().c.profile_id)
    number = _count(session, hits)
    if number <= MAX_HITS_SORTED:
        # Without coalesce() a planner may as well go through everybody in the order of time.
        at = func.coalesce(way.at, way.at)
        return _page(session, way._replace(at=at), way.id.in_(meant), before, limit=limit)
    if number > MAX_HITS_COUNTED:
        among_last = and_(_not_before(session, way, before), _is_met(hits, way))
        ids = _page(session, way, among_last, before, limit=limit)
        if len(ids) == limit:
            return ids
    # IS TRUE lets a planner do nothing but go back in time, asking a set about each.
    return _page(session, way, way.id.in_(meant).is_(true()), before, limit=limit)


def _page(
    session: Session,
    way: SearchIndex,
    meant: ColumnElement[bool],
    before: Cursor | None,
    *,
    limit: int,
) -> list[int]:
    page = _back(columns(way.id).where(*way.where, meant), way, before).limit(limit)
    return list(session.connection().execute(page).scalars())


def _not_before(session: Session, way: SearchIndex, before: Cursor | None) -> ColumnElement[bool]:
    """Return whether the next `LOOKS` rows of the index hold a match."""
    last = _back(columns(way.at, way.id).where(*way.where), way, before)
    place = session.connection().execute(last.limit(1).offset(MAX_ROWS_SCANNED - 1)).first()
    return true() if place is None else tuple_(way.at, way.id) >= tuple(place)


def _is_met(hits: Sequence[Select[Any]], way: SearchIndex) -> ColumnElement[bool]:
    """Return whether a profile matches, asked for this profile alone."""
    hers = (each.where(each.selected_columns.profile_id == way.id, *way.where) for each in hits)
    return or_(*(each.correlate(way.id.table).exists() for each in hers))


def _newest(session: Session, shop_id: int, before: Cursor | None, limit: int) -> Sequence[Profile]:
    query = select(Profile).where(Profile.shop_id == shop_id)
    found: Sequence[Profile] = session.exec(
        _back(query, _everybody(shop_id), before).limit(limit)
    ).all()
    return found


def _back(query: Any, way: SearchIndex, before: Cursor | None) -> Any:
    """Newest first, from before a place on."""
    if before is not None:
        query = query.where(tuple_(way.at, way.id) < before)
    return query.order_by(way.at.desc(), way.id.desc())
