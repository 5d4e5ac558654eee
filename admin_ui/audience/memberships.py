"""A profile's lists: show them, add one, remove one, undo."""

from starlette.responses import Response

from admin_ui.audience.lists.members import added, origins, read_undo, sign_undo
from admin_ui.kit import words
from admin_ui.kit.request import AdminRequest, missing, row_id
from admin_ui.kit.routes import page
from plugin import lists
from plugin.texts import N_
from storage import lists as stored_lists
from storage import profiles
from storage.engine import db

TITLE = N_("Lists")


@page("/audience/profiles/{profile_id}/lists", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the lists of a profile."""
    return _page(visit)


@page("/audience/profiles/{profile_id}/lists", title=TITLE, method="POST", personal=True)
def change(visit: AdminRequest) -> Response:
    """Add a profile to a `list`, remove it or bring it back.

    `act` is `add`, `remove`, or `back` with what `undo` says.
    """
    profile_id, said = visit.number("profile_id"), visit.form.get("list", "")
    if visit.form.get("act") == "add" and not said:
        return _page(visit, error=visit.say.text("Choose a list."), status=422)
    list_id = row_id(said)
    match visit.form.get("act"):
        case "add":
            return _page(
                visit, toast=added(visit, *lists.add_member(visit.shop, list_id, profile_id))
            )
        case "remove":
            left = lists.remove_member(visit.shop.id, list_id, profile_id)
            return _page(visit, left=list_id, undo=sign_undo(visit, list_id, left))
        case "back":
            lists.restore_member(visit.shop.id, list_id, read_undo(visit, list_id))
            return _page(visit, toast=visit.say.text("Added back to list"))
        case _:
            raise missing()


def _page(
    visit: AdminRequest,
    *,
    toast: str = "",
    error: str = "",
    left: int = 0,
    undo: str = "",
    status: int = 200,
) -> Response:
    shop_id = visit.shop.id
    with db.reading() as session:
        profile = profiles.get_profile(session, shop_id, visit.number("profile_id"))
        if profile is None:
            raise missing()
        known = {each.id: each for each in stored_lists.lists_of(session, shop_id)}
        members = stored_lists.memberships_of(session, shop_id, profile.id)
        came = origins(session, visit, members)
    on = {member.list_id for member in members}
    return visit.page(
        "audience/memberships.html",
        toast=toast,
        status=status,
        error=error,
        profile=profile,
        name=words.person(profile, visit.say),
        memberships=[(known[member.list_id], member) for member in members],
        others=[(each.id, each.name) for each in known.values() if each.id not in on],
        origins=came,
        left=known.get(left),
        undo=undo,
    )
