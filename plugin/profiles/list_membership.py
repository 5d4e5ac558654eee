"""List memberships of merged profiles: each is kept at the origin that joined."""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import itemgetter

from sqlmodel import Session

from plugin.facts import ProfileRef
from storage import lists, merges, profiles
from storage.imports import SOURCE
from storage.lists import MembershipRow
from storage.profiles import SourceProfileRow

KeptMembership = tuple[int, datetime, str]  # on a list: an origin, since when, and its source


def add_to_list(
    session: Session, shop_id: int, list_id: int, ref: ProfileRef, *, at: datetime, source: str
) -> bool:
    """Add a shopper to a list; return whether their profile was not on it before.

    If another source profile was on it, this one is recorded, too. A membership from elsewhere
    replaces one of an import: the shopper stays when the import is reverted.
    """
    source_profile_id = ref.columns["source_profile_id"]
    if lists.add_member(
        session,
        shop_id,
        list_id,
        ref.profile_id,
        at=at,
        source=source,
        source_profile_id=source_profile_id,
    ):
        return True
    if not source.startswith(SOURCE):
        lists.restore_member(
            session,
            shop_id,
            list_id,
            ref.profile_id,
            at=at,
            source=source,
            source_profile_id=source_profile_id,
        )
    held = merges.load_sources(session, shop_id, [ref.profile_id]).get(ref.source_profile_id)
    if held is None:
        return False
    rows = merges.memberships_of(session, shop_id, ref.profile_id)
    first = next(
        row["source_profile_id"] or ref.profile_id for row in rows if row["list_id"] == list_id
    )
    if first != ref.source_profile_id and _is_news(held, list_id, source):
        others = [row for row in held["memberships"] if row[0] != list_id]
        held["memberships"] = [*others, [list_id, at.isoformat(), source]]
        merges.save_sources(session, [held])
    return False


def _is_news(origin: SourceProfileRow, list_id: int, source: str) -> bool:
    """Whether an origin does not wait to be on a list yet, or only because a file says so."""
    known = [of for each, _, of in origin["memberships"] if each == list_id]
    from_import = all(of.startswith(SOURCE) for of in known)
    return not known or (from_import and not source.startswith(SOURCE))


def remove_from_list(
    session: Session, shop_id: int, list_id: int, profile_id: int
) -> list[KeptMembership]:
    """Remove a shopper's source profiles from a list; return each one's membership.

    The caller holds the shop's lock.
    """
    held = lists.members_among(session, shop_id, list_id, [profile_id]).get(profile_id)
    if held is None:
        return []
    left = [(held.source_profile_id or profile_id, held.joined_at, held.source)]
    lists.remove_member(session, shop_id, list_id, profile_id)
    origins = merges.load_sources(session, shop_id, [profile_id])
    for origin in origins.values():
        for of, at, source in origin["memberships"]:
            if of == list_id:
                left.append((origin["id"], datetime.fromisoformat(at), source))
        origin["memberships"] = [row for row in origin["memberships"] if row[0] != list_id]
    merges.save_sources(session, list(origins.values()))
    return left


def restore_to_list(
    session: Session, shop_id: int, list_id: int, joined: Iterable[KeptMembership]
) -> bool:
    """Restore memberships that `remove_from_list` returned; return whether the shopper is on the
    list then.

    The caller holds the shop's lock.
    """
    found = False
    for source_profile_id, at, source in sorted(joined, key=lambda each: each[1]):
        profile = profiles.get_profile(session, shop_id, source_profile_id)
        if profile is not None:  # not redacted meanwhile
            add_to_list(
                session,
                shop_id,
                list_id,
                ProfileRef(profile.id, source_profile_id),
                at=at,
                source=source,
            )
            found = True
    return found


def remove_batch(
    session: Session, shop_id: int, list_id: int, source: str | None, *, after: int, limit: int
) -> int | None:
    """Of the members after a profile's id, take those off a list who came to it by `source`, or
    all for None; the id of the last one looked at, None when there was none.

    Who has an origin that came to it otherwise stays on it as that one. The caller holds the
    shop's lock.
    """
    ids = lists.ids_after(session, shop_id, list_id, after, limit=limit)
    if not ids:
        return None
    gone = lists.remove_between(session, shop_id, list_id, source, first=ids[0], last=ids[-1])
    origins = merges.load_sources(session, shop_id, ids).values()
    before = [origin["memberships"] for origin in origins]
    for origin in origins:
        origin["memberships"] = [
            said for said in origin["memberships"]
            if said[0] != list_id or source not in (None, said[2])
        ]  # fmt: skip
    _let_stay(session, shop_id, list_id, [each for each in origins if each["profile_id"] in gone])
    now = zip(origins, before, strict=True)
    merges.save_sources(session, [each for each, said in now if each["memberships"] != said])
    return ids[-1]


def _let_stay(
    session: Session, shop_id: int, list_id: int, origins: Collection[SourceProfileRow]
) -> None:
    """Let the first of a profile's origins that wait to be on a list be on it."""
    waiting = [
        (datetime.fromisoformat(said[1]), origin["id"], origin, said)
        for origin in origins
        for said in origin["memberships"]
        if said[0] == list_id
    ]
    first: dict[int, MembershipRow] = {}
    for at, source_profile_id, origin, said in sorted(waiting, key=itemgetter(0, 1)):
        ref = ProfileRef(origin["profile_id"], source_profile_id)
        if ref.profile_id not in first:
            first[ref.profile_id] = {
                "shop_id": shop_id,
                "list_id": list_id,
                **ref.columns,
                "joined_at": at,
                "source": said[2],
            }
            origin["memberships"] = [each for each in origin["memberships"] if each != said]
    lists.add_members(session, shop_id, list(first.values()))
