"""Audience: search the shoppers and list them."""

from collections.abc import Sequence

from starlette.responses import Response

from admin_ui.kit import searches, words
from admin_ui.kit.pagination import paginate
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import jobs
from plugin.texts import N_
from plugin.values import calling_code
from storage import consent, duplicates, lists, profiles, search
from storage.channels import Channel
from storage.consent import Consent
from storage.counts import Count
from storage.engine import db
from storage.profiles import Profile

PATH = "/audience"
PAGE = 50


@page("/audience", title=N_("Audience"), personal=True)
def show(visit: AdminRequest) -> Response:
    """Show a page of profiles, from `before` on."""
    return _page(visit)


@page("/audience/search", title=N_("Audience"), method="POST", personal=True, changes=False)
def search_by_post(visit: AdminRequest) -> Response:
    """Show the profiles that `q` finds."""
    return _page(visit)


def _page(visit: AdminRequest) -> Response:
    shop_id, sought = visit.shop.id, searches.sought(visit)
    code = calling_code(visit.shop.country)
    with db.reading() as session:
        found = paginate(
            visit.request,
            PAGE,
            lambda limit, before: search.search_profiles(
                session, shop_id, sought, limit=limit, before=before, calling_code=code
            ),
            lambda profile: (profile.last_active_at, profile.id),
        )
        held = states(consent.consents_of(session, shop_id, addresses(found.rows)))
        alike = duplicates.count_open(session, shop_id)
        total = profiles.count_profiles(session, shop_id)
        subscribers = consent.count_subscribers(session, shop_id)
        known = lists.lists_of(session, shop_id)
        sizes = lists.count_members(session, shop_id)
    counts = (total, subscribers, alike, *sizes.values())
    count_soon(shop_id, *counts)
    return visit.page(
        "audience/profiles.html",
        sought=sought,
        path=searches.address(PATH, shop_id, sought),
        longer=searches.address(PATH, shop_id, sought, before=found.older),
        longest=searches.MAX_SEARCH_CHARS,
        profiles=found.rows,
        states=held,
        words=words,
        older=found.older,
        total=total,
        alike=alike,
        subscribers=subscribers,
        lists=known,
        sizes=sizes,
        counted=visit.say.counted_at(*counts),
    )


def count_soon(shop_id: int, *counts: Count) -> None:
    """Have counted what there are only known to be many of, so that the next look finds it."""
    if any(count.at_least for count in counts):
        jobs.enqueue("tallies", shop_id)


def addresses(found: Sequence[Profile]) -> list[tuple[str, str]]:
    """(channel, address) of each way to reach these shoppers that a list of them shows."""
    pairs = [[(Channel.EMAIL, profile.email), (Channel.SMS, profile.phone)] for profile in found]
    return [(channel, address) for pair in pairs for channel, address in pair if address]


def states(found: Sequence[Consent]) -> dict[tuple[str, str], str]:
    """The state at each (channel, address)."""
    return {(row.channel, row.address): row.state for row in found}
