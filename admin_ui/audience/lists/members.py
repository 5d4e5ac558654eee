"""The members of a list: a page of them, the search for new ones, and each member's actions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.audience import profiles as profile_pages
from admin_ui.kit import searches, words
from admin_ui.kit.pagination import Position, paginate
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import lists
from plugin.facts import IdentityKey
from plugin.messages import eligibility
from plugin.profiles.list_membership import KeptMembership
from plugin.texts import N_
from plugin.values import calling_code
from storage import consent, forms, imports, profiles, search
from storage import lists as stored_lists
from storage.counts import Count
from storage.engine import db, encryption
from storage.engine.encryption import SecretError
from storage.flows import FlowStatus
from storage.lists import List, Membership
from storage.profiles import DataSource, Profile

TITLE = N_("List members")
ADD_TITLE = N_("Add people to a list")
PAGE = profile_pages.PAGE
MAX_FOUND = 10  # shoppers that the page to add a member offers


@dataclass(frozen=True)
class Row:
    """One shopper on a list's page: a member, not a member, or removed just now."""

    profile: Profile
    member: Membership | None
    undo: str = ""  # the signed undo of a removal


@page("/audience/lists/{list_id}", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show a page of members, from `before` on."""
    return show_list(visit, visit.number("list_id"))


@page("/audience/lists/{list_id}/search", title=TITLE, method="POST", personal=True, changes=False)
def search_members(visit: AdminRequest) -> Response:
    """Show the members that `q` finds."""
    return show_list(visit, visit.number("list_id"))


@page("/audience/lists/{list_id}/add", title=ADD_TITLE, personal=True)
def show_people(visit: AdminRequest) -> Response:
    """Show the profiles that were found, to add to the list."""
    return _people(visit, searches.sought(visit).strip())


@page(
    "/audience/lists/{list_id}/add/search",
    title=ADD_TITLE,
    method="POST",
    personal=True,
    changes=False,
)
def search_people(visit: AdminRequest) -> Response:
    """Show the profiles that `q` finds, to add to the list."""
    return _people(visit, searches.sought(visit).strip())


@page("/audience/lists/{list_id}/add", title=ADD_TITLE, method="POST", personal=True)
def add_new(visit: AdminRequest) -> Response:
    """Add the owner of an `address`, who may have no profile yet."""
    list_id, said = visit.number("list_id"), visit.form.get("address", "").strip()
    with db.reading() as session:
        get_list(session, visit, list_id)
    key = lists.parse_identity(visit.shop, said)
    profile_id = lists.get_or_create_profile(visit.shop, key) if key else None
    if profile_id is None:
        error = visit.say.text("Enter a valid email or phone number.")
        return _people(visit, said[: searches.MAX_SEARCH_CHARS], error=error, status=422)
    return _people(
        visit, said, toast=added(visit, *lists.add_member(visit.shop, list_id, profile_id))
    )


@page("/audience/lists/{list_id}/members/{profile_id}", title=TITLE, method="POST", personal=True)
def change(visit: AdminRequest) -> Response:
    """Add a profile, remove it or bring it back, and answer with its row.

    `act` is `add`, `remove`, or `back` with what `undo` says.
    """
    list_id, profile_id = visit.number("list_id"), visit.number("profile_id")
    undo, toast = "", ""
    match visit.form.get("act"):
        case "add":
            toast = added(visit, *lists.add_member(visit.shop, list_id, profile_id))
        case "remove":
            undo = sign_undo(
                visit, list_id, lists.remove_member(visit.shop.id, list_id, profile_id)
            )
        case "back":
            lists.restore_member(visit.shop.id, list_id, read_undo(visit, list_id))
        case _:
            raise missing()
    with db.reading() as session:
        held = get_list(session, visit, list_id)
        found = profiles.get_profile(session, visit.shop.id, profile_id)
        if found is None:
            raise missing()
        members = stored_lists.members_among(session, visit.shop.id, list_id, [found.id])
        row = Row(found, members.get(found.id), undo)
        size = count_members(session, visit, list_id)
        values = _about(session, visit, [row])
    told = "told" in visit.form
    return visit.part(
        "audience/lists/list_row.html", toast=toast, list=held, size=size, told=told, **values
    )


def show_list(visit: AdminRequest, list_id: int, toast: str = "") -> Response:
    """The page of one list; POST /audience/lists answers with it too."""
    shop_id, here = visit.shop.id, f"/audience/lists/{list_id}"
    sought = searches.sought(visit).strip()
    with db.reading() as session:
        held = get_list(session, visit, list_id)
        size = count_members(session, visit, list_id)
        found = paginate(
            visit.request,
            PAGE,
            lambda limit, before: _members(
                session, visit, list_id, sought, limit=limit, before=before
            ),
            lambda member: (member.joined_at, member.profile_id),
        )
        people = profiles.profiles_by_id(session, shop_id, [m.profile_id for m in found.rows])
        rows = [Row(people[m.profile_id], m) for m in found.rows if m.profile_id in people]
        values = _about(session, visit, rows)
    profile_pages.count_soon(shop_id, size)
    return visit.page(
        "audience/lists/list.html",
        toast=toast,
        path=searches.address(here, shop_id, sought),
        longer=searches.address(here, shop_id, sought, before=found.older),
        list=held,
        size=size,
        counted=visit.say.counted_at(size),
        sought=sought,
        longest=searches.MAX_SEARCH_CHARS,
        older=found.older,
        **values,
    )


def added(visit: AdminRequest, new: bool, flows: int) -> str:
    """Return the message after a shopper was added to a list."""
    say = visit.say
    if not new:
        return say.text("Already on this list.")
    if not flows:
        return say.text("Added to list")
    return say.plural(
        "Added to list. %(num)s flow started.",
        "Added to list. %(num)s flows started.",
        flows,
    )


def sign_undo(visit: AdminRequest, list_id: int, joined: Iterable[KeptMembership]) -> str:
    """Sign a removed shopper's memberships, so that the page can restore these and no others."""
    said = [[source_profile_id, at.isoformat(), source] for source_profile_id, at, source in joined]
    return encryption.encrypt(json.dumps([visit.shop.id, list_id, said])).decode() if said else ""


def read_undo(visit: AdminRequest, list_id: int) -> list[KeptMembership]:
    """What `seal` was given for this list."""
    try:
        said = json.loads(encryption.decrypt(visit.form.get("undo", "").encode()))
    except (SecretError, ValueError):
        raise missing() from None
    if said[:2] != [visit.shop.id, list_id]:
        raise missing()
    return [
        (source_profile_id, datetime.fromisoformat(at), source)
        for source_profile_id, at, source in said[2]
    ]


def origins(
    session: Session, visit: AdminRequest, members: Iterable[Membership]
) -> dict[str, tuple[str, str]]:
    """What each source of some memberships is called and, where it has a page, where that is."""
    sources = {member.source for member in members}
    ids = [int(source[7:]) for source in sources if source.startswith("import:")]
    named = {
        f"import:{import_id}": (name, f"/audience/imports/{import_id}")
        for import_id, name in imports.names_of(session, visit.shop.id, ids).items()
    }
    named |= {
        f"form:{form.id}": (form.name, f"/forms/{form.id}")
        for form in forms.forms_of(session, visit.shop.id)
    }
    named[DataSource.MERCHANT] = (visit.say.text("Your team"), "")
    return {source: named.get(source, ("–", "")) for source in sources}


def get_list(session: Session, visit: AdminRequest, list_id: int) -> List:
    """One of the shop's lists, or the page for what does not exist."""
    found = stored_lists.get_list(session, visit.shop.id, list_id)
    if found is None:
        raise missing()
    return found


def count_members(session: Session, visit: AdminRequest, list_id: int) -> Count:
    """How many are on a list."""
    return stored_lists.count_members(session, visit.shop.id).get(list_id, Count(0))


def _members(
    session: Session,
    visit: AdminRequest,
    list_id: int,
    sought: str,
    *,
    limit: int,
    before: Position | None,
) -> Sequence[Membership]:
    shop_id = visit.shop.id
    if not sought:
        return stored_lists.members_page(session, shop_id, list_id, limit=limit, before=before)
    ids = search.search_members(
        session, shop_id, list_id, sought, limit=limit, before=before,
        calling_code=calling_code(visit.shop.country),
    )  # fmt: skip
    found = stored_lists.members_among(session, shop_id, list_id, ids)
    return [found[profile_id] for profile_id in ids if profile_id in found]


def _people(
    visit: AdminRequest, sought: str, *, toast: str = "", error: str = "", status: int = 200
) -> Response:
    shop_id, list_id = visit.shop.id, visit.number("list_id")
    key = lists.parse_identity(visit.shop, sought)
    with db.reading() as session:
        held = get_list(session, visit, list_id)
        found = _found(session, visit, sought, key) if sought else []
        members = stored_lists.members_among(session, shop_id, list_id, [each.id for each in found])
        rows = [Row(each, members.get(each.id)) for each in found]
        known = bool(key and profiles.find_identities(session, shop_id, [key]))
        values = _about(session, visit, rows)
        begins = [
            f
            for f in lists.flows_triggered_by(session, shop_id, list_id)
            if f.status == FlowStatus.LIVE
        ]
    return visit.page(
        "audience/lists/list_add.html",
        path=searches.address(f"/audience/lists/{list_id}/add", shop_id, sought),
        toast=toast,
        status=status,
        error=error,
        list=held,
        sought=sought,
        fresh=key.value if key and not known else "",
        begins=begins,
        longest=searches.MAX_SEARCH_CHARS,
        **values,
    )


def _found(
    session: Session, visit: AdminRequest, sought: str, key: IdentityKey | None
) -> Sequence[Profile]:
    """Return the profiles that a search finds, the one with exactly this address first."""
    shop_id, code = visit.shop.id, calling_code(visit.shop.country)
    found = search.search_profiles(session, shop_id, sought, limit=MAX_FOUND, calling_code=code)
    hers = profiles.find_identities(session, shop_id, [key]) if key else {}
    exact = profiles.profiles_by_id(session, shop_id, hers.values())
    return [*exact.values(), *(each for each in found if each.id not in exact)]


class MembersPart(TypedDict):
    """The rows of a list's page, and what they say besides."""

    rows: Sequence[Row]
    states: object
    refusals: object
    origins: Mapping[str, tuple[str, str]]
    words: object


def _about(session: Session, visit: AdminRequest, rows: Sequence[Row]) -> MembersPart:
    places = profile_pages.addresses([row.profile for row in rows])
    return {
        "rows": rows,
        "states": profile_pages.states(consent.consents_of(session, visit.shop.id, places)),
        "refusals": eligibility.consent_blocks(session, visit.shop.id, places),
        "origins": origins(session, visit, [row.member for row in rows if row.member]),
        "words": words,
    }
