"""Lists: every one with its size; the members of one, to look for, add and take off; its name."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.audience import profiles as audience
from admin_ui.kit import cursor, words
from admin_ui.kit.request import Visit, missing
from admin_ui.kit.words import N_
from plugin import clock, lists
from plugin.facts import Key, calling_code
from plugin.lists import MANY, NAMELESS, TAKEN, USED, ListError
from plugin.messages import eligibility as gate
from plugin.profiles.fields import MERCHANT
from plugin.profiles.merge import Joined
from storage import consent, forms, imports, profiles, search
from storage import lists as stored
from storage.counts import Count
from storage.engine import db
from storage.engine import encryption as secrets
from storage.engine.encryption import SecretError
from storage.lists import List, Membership
from storage.profiles import Profile

PAGE = audience.PAGE
FOUND = 10  # shoppers that the page to add somebody offers
LATELY = timedelta(days=30)
SENTENCES = {
    NAMELESS: N_("Give the list a name."),
    TAKEN: N_("Another list has this name."),
    MANY: N_("A shop can have 1,000 lists. Delete one that you do not need."),
    USED: N_("It cannot be deleted while something that is switched on uses it."),
}


@dataclass(frozen=True)
class Row:
    """One shopper as a list's page shows her: on the list, not on it, or taken off just now."""

    profile: Profile
    member: Membership | None
    undo: str = ""  # what puts her back


def show_all(visit: Visit) -> Response:
    """GET /audience/lists"""
    return _all(visit)


def create(visit: Visit) -> Response:
    """POST /audience/lists: `name`."""
    said = visit.form.get("name", "")
    try:
        made = lists.create(visit.shop.id, said)
    except ListError as error:
        return _all(visit, error=sentence(visit, error), name=said[: lists.LONGEST], status=422)
    return _at(f"/audience/lists/{made}", _one(visit, made, visit.say.text("The list is made.")))


def show(visit: Visit) -> Response:
    """GET /audience/lists/{list_id}?q=…&before=…"""
    return _one(visit, visit.number("list_id"))


def show_people(visit: Visit) -> Response:
    """GET /audience/lists/{list_id}/add?q=…: whom to add."""
    return _people(visit, _sought(visit))


def add_new(visit: Visit) -> Response:
    """POST /audience/lists/{list_id}/add: `address`, of somebody who may have no profile yet."""
    list_id, said = visit.number("list_id"), visit.form.get("address", "").strip()
    with db.reading() as session:
        _held(session, visit, list_id)
    key = lists.key_of(visit.shop, said)
    profile_id = lists.meet(visit.shop, key) if key else None
    if profile_id is None:
        error = visit.say.text("This is no whole email address or phone number.")
        return _people(visit, said[: audience.LONGEST], error=error, status=422)
    toast = added(visit, *lists.add(visit.shop, list_id, profile_id))
    return _at(f"/audience/lists/{list_id}/add", _people(visit, said, toast=toast))


def change(visit: Visit) -> Response:
    """POST /audience/lists/{list_id}/members/{profile_id}: `act` is `add`, `remove`, or `back`
    with what `undo` says. The answer is her row.
    """
    list_id, profile_id = visit.number("list_id"), visit.number("profile_id")
    undo, toast = "", ""
    match visit.form.get("act"):
        case "add":
            toast = added(visit, *lists.add(visit.shop, list_id, profile_id))
        case "remove":
            undo = seal(visit, list_id, lists.remove(visit.shop.id, list_id, profile_id))
        case "back":
            lists.put_back(visit.shop.id, list_id, unseal(visit, list_id))
        case _:
            raise missing()
    with db.reading() as session:
        held = _held(session, visit, list_id)
        found = profiles.get_profile(session, visit.shop.id, profile_id)
        if found is None:
            raise missing()
        members = stored.joined(session, visit.shop.id, list_id, [found.id])
        row = Row(found, members.get(found.id), undo)
        size = _size(session, visit, list_id)
        values = _about(session, visit, [row])
    told = "told" in visit.form
    answer = visit.page(
        "audience/list_row.html", toast=toast, list=held, size=size, told=told, **values
    )
    del answer.headers["HX-Replace-Url"]
    return answer


def show_settings(visit: Visit) -> Response:
    """GET /audience/lists/{list_id}/settings"""
    return _settings(visit)


def rename(visit: Visit) -> Response:
    """POST /audience/lists/{list_id}/settings: `name`."""
    said = visit.form.get("name", "")
    try:
        lists.rename(visit.shop.id, visit.number("list_id"), said)
    except ListError as error:
        said = said[: lists.LONGEST]
        return _settings(visit, error=sentence(visit, error), name=said, status=422)
    return _settings(visit, toast=visit.say.text("Saved"))


def delete(visit: Visit) -> Response:
    """POST /audience/lists/{list_id}/delete"""
    list_id = visit.number("list_id")
    try:
        lists.delete(visit.shop.id, list_id)
    except ListError as error:
        refused = _settings(visit, refused=sentence(visit, error), status=422)
        return _at(f"/audience/lists/{list_id}/settings", refused)
    return _at("/audience/lists", _all(visit, gone=list_id))


def restore(visit: Visit) -> Response:
    """POST /audience/lists/{list_id}/restore"""
    list_id = visit.number("list_id")
    try:
        lists.restore(visit.shop.id, list_id)
    except ListError as error:
        words_for_it = visit.say.text("It cannot be restored: %(why)s", why=sentence(visit, error))
        return _at("/audience/lists", _all(visit, problem=words_for_it, status=422))
    toast = visit.say.text("The list is back, with everybody on it.")
    return _at("/audience/lists", _all(visit, toast=toast))


def sentence(visit: Visit, error: ListError) -> str:
    """Why a list was refused, to the merchant."""
    return visit.say.text(SENTENCES[error.reason])


def added(visit: Visit, new: bool, flows: int) -> str:
    """What became of somebody who was put on a list."""
    say = visit.say
    if not new:
        return say.text("They are on the list already.")
    if not flows:
        return say.text("Added to the list")
    return say.plural(
        "Added to the list. %(num)s flow begins.",
        "Added to the list. %(num)s flows begin.",
        flows,
    )


def seal(visit: Visit, list_id: int, joined: Iterable[Joined]) -> str:
    """Where somebody stood on a list, for a page to bring back; nobody else can write it."""
    said = [[origin_id, at.isoformat(), source] for origin_id, at, source in joined]
    return secrets.seal(json.dumps([visit.shop.id, list_id, said])).decode() if said else ""


def unseal(visit: Visit, list_id: int) -> list[Joined]:
    """What `seal` was given for this list."""
    try:
        said = json.loads(secrets.unseal(visit.form.get("undo", "").encode()))
    except (SecretError, ValueError):
        raise missing() from None
    if said[:2] != [visit.shop.id, list_id]:
        raise missing()
    return [(origin_id, datetime.fromisoformat(at), source) for origin_id, at, source in said[2]]


def origins(session: Session, visit: Visit, members: Iterable[Membership]) -> dict[str, Any]:
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
    named[MERCHANT] = (visit.say.text("Your team"), "")
    return {source: named.get(source, ("–", "")) for source in sources}


def _held(session: Session, visit: Visit, list_id: int) -> List:
    found = stored.get_list(session, visit.shop.id, list_id)
    if found is None:
        raise missing()
    return found


def _size(session: Session, visit: Visit, list_id: int) -> Count:
    return stored.count_members(session, visit.shop.id).get(list_id, Count(0))


def _sought(visit: Visit) -> str:
    return visit.request.query_params.get("q", "").strip()[: audience.LONGEST]


def _at(path: str, answer: Response) -> Response:
    answer.headers["HX-Replace-Url"] = path
    return answer


def _all(
    visit: Visit,
    *,
    toast: str = "",
    error: str = "",
    problem: str = "",
    name: str = "",
    gone: int | None = None,
    status: int = 200,
) -> Response:
    shop_id = visit.shop.id
    with db.reading() as session:
        found = stored.lists_of(session, shop_id)
        sizes = stored.count_members(session, shop_id)
        new = stored.count_joined(session, shop_id, clock.now() - LATELY)
        deleted = lists.deleted(session, shop_id)
    audience.count_soon(shop_id, *sizes.values())
    return visit.page(
        "audience/lists.html",
        toast=toast,
        status=status,
        error=error,
        problem=problem,
        name=name,
        longest=lists.LONGEST,
        lists=found,
        sizes=sizes,
        new=new,
        counted=visit.say.counted(*sizes.values()),
        deleted=[(each, (each.deleted_at or clock.now()) + lists.KEPT_FOR) for each in deleted],
        gone=next((each for each in deleted if each.id == gone), None),
    )


def _one(visit: Visit, list_id: int, toast: str = "") -> Response:
    shop_id, sought = visit.shop.id, _sought(visit)
    with db.reading() as session:
        held = _held(session, visit, list_id)
        size = _size(session, visit, list_id)
        place = cursor.read(visit.request)
        members = _members(session, visit, list_id, sought, place)
        people = profiles.profiles_by_id(session, shop_id, [m.profile_id for m in members[:PAGE]])
        rows = [Row(people[m.profile_id], m) for m in members[:PAGE] if m.profile_id in people]
        values = _about(session, visit, rows)
    audience.count_soon(shop_id, size)
    return visit.page(
        "audience/list.html",
        toast=toast,
        list=held,
        size=size,
        counted=visit.say.counted(size),
        sought=sought,
        older=audience.older([(m.joined_at, m.profile_id) for m in members]),
        **values,
    )


def _members(
    session: Session,
    visit: Visit,
    list_id: int,
    sought: str,
    place: tuple[datetime, int] | None,
) -> Sequence[Membership]:
    """A page of members and one more."""
    shop_id = visit.shop.id
    if not sought:
        return stored.members(session, shop_id, list_id, limit=PAGE + 1, before=place)
    ids = search.search_members(
        session, shop_id, list_id, sought, limit=PAGE + 1, before=place,
        calling_code=calling_code(visit.shop.country),
    )  # fmt: skip
    found = stored.joined(session, shop_id, list_id, ids)
    return [found[profile_id] for profile_id in ids if profile_id in found]


def _people(
    visit: Visit, sought: str, *, toast: str = "", error: str = "", status: int = 200
) -> Response:
    shop_id, list_id = visit.shop.id, visit.number("list_id")
    key = lists.key_of(visit.shop, sought)
    with db.reading() as session:
        held = _held(session, visit, list_id)
        found = _found(session, visit, sought, key) if sought else []
        members = stored.joined(session, shop_id, list_id, [each.id for each in found])
        rows = [Row(each, members.get(each.id)) for each in found]
        known = bool(key and profiles.find_identities(session, shop_id, [key]))
        values = _about(session, visit, rows)
        begins = [f for f in lists.begun_by(session, shop_id, list_id) if f.status == "live"]
    return visit.page(
        "audience/list_add.html",
        toast=toast,
        status=status,
        error=error,
        list=held,
        sought=sought,
        fresh=key.value if key and not known else "",
        begins=begins,
        longest=audience.LONGEST,
        **values,
    )


def _found(session: Session, visit: Visit, sought: str, key: Key | None) -> Sequence[Profile]:
    """Whom a search means, first of all who has exactly this address."""
    shop_id, code = visit.shop.id, calling_code(visit.shop.country)
    found = search.search_profiles(session, shop_id, sought, limit=FOUND, calling_code=code)
    hers = profiles.find_identities(session, shop_id, [key]) if key else {}
    exact = profiles.profiles_by_id(session, shop_id, hers.values())
    return [*exact.values(), *(each for each in found if each.id not in exact)]


def _settings(
    visit: Visit,
    *,
    toast: str = "",
    error: str = "",
    name: str | None = None,
    refused: str = "",
    status: int = 200,
) -> Response:
    shop_id, list_id = visit.shop.id, visit.number("list_id")
    with db.reading() as session:
        held = _held(session, visit, list_id)
        used = lists.uses(session, shop_id, list_id)
        size = _size(session, visit, list_id)
    return visit.page(
        "audience/list_settings.html",
        toast=toast,
        status=status,
        error=error,
        refused=refused,
        list=held,
        name=held.name if name is None else name,
        longest=lists.LONGEST,
        used=used,
        size=size,
        days=lists.KEPT_FOR.days,
    )


def _about(session: Session, visit: Visit, rows: Sequence[Row]) -> dict[str, Any]:
    """What the rows of a list's page say besides."""
    places = audience.addresses([row.profile for row in rows])
    return {
        "rows": rows,
        "states": audience.states(consent.consents_of(session, visit.shop.id, places)),
        "refusals": gate.refusals(session, visit.shop.id, places),
        "origins": origins(session, visit, [row.member for row in rows if row.member]),
        "words": words,
    }
