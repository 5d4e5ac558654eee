"""Audience: words to look for come in, the shoppers who bear them go out; and who is on a list."""

from collections.abc import Sequence
from datetime import datetime

from starlette.responses import Response

from admin_ui import cursor
from admin_ui.visit import Visit, missing
from storage import consent, db, likeness, lists, profiles
from storage.consent import Consent
from storage.profiles import Profile

PAGE = 50
LONGEST = 100  # letters of a search


def show(visit: Visit) -> Response:
    """GET /audience?q=…"""
    shop_id = visit.shop.id
    sought = visit.request.query_params.get("q", "")[:LONGEST]
    place = cursor.read(visit.request)
    with db.reading() as session:
        found = profiles.search_profiles(session, shop_id, sought, limit=PAGE + 1, before=place)
        states = _states(consent.consents_of(session, shop_id, _addresses(found)))
        alike = likeness.count_open(session, shop_id)
        total = profiles.count_profiles(session, shop_id)
        subscribers = consent.count_subscribers(session, shop_id)
        known = lists.lists_of(session, shop_id)
        sizes = lists.count_members(session, shop_id)
    return visit.page(
        "audience.html",
        sought=sought,
        profiles=found[:PAGE],
        states=states,
        older=_older([(p.seen_at, p.id) for p in found]),
        total=total,
        alike=alike,
        subscribers=subscribers,
        lists=known,
        sizes=sizes,
    )


def show_list(visit: Visit) -> Response:
    """GET /audience/lists/{list_id}"""
    shop_id, list_id = visit.shop.id, visit.number("list_id")
    with db.reading() as session:
        found = lists.get_list(session, shop_id, list_id)
        if found is None:
            raise missing()
        place = cursor.read(visit.request)
        members = lists.members(session, shop_id, list_id, limit=PAGE + 1, before=place)
        people = {
            m.profile_id: profiles.get_profile(session, shop_id, m.profile_id)
            for m in members[:PAGE]
        }
        shown = [p for p in people.values() if p is not None]
        states = _states(consent.consents_of(session, shop_id, _addresses(shown)))
        size = lists.count_members(session, shop_id).get(list_id, 0)
    return visit.page(
        "list.html",
        list=found,
        size=size,
        members=[(m, people[m.profile_id]) for m in members[:PAGE] if people[m.profile_id]],
        states=states,
        older=_older([(m.joined_at, m.profile_id) for m in members]),
    )


def _older(places: Sequence[tuple[datetime, int]]) -> str:
    return cursor.write(*places[PAGE - 1]) if len(places) > PAGE else ""


def _addresses(found: Sequence[Profile]) -> list[tuple[str, str]]:
    pairs = [[("email", profile.email), ("sms", profile.phone)] for profile in found]
    return [(channel, address) for pair in pairs for channel, address in pair if address]


def _states(found: Sequence[Consent]) -> dict[tuple[str, str], str]:
    return {(row.channel, row.address): row.state for row in found}
