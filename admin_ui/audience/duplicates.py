"""Likely duplicates: show open pairs side by side, and save the merchant's decision."""

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.kit import words
from admin_ui.kit.request import AdminRequest, missing, row_id
from admin_ui.kit.routes import page
from plugin import clock
from plugin.profiles import merge
from plugin.texts import N_
from storage import duplicates, profiles
from storage.duplicates import DuplicateState
from storage.engine import db
from storage.profiles import Profile

TITLE = N_("Possible duplicates")
PAIRS_PAGE_SIZE = 20
ACTS = {"join": DuplicateState.ACCEPTED, "apart": DuplicateState.DISMISSED}


@page("/audience/duplicates", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the undecided pairs of likely duplicates."""
    return _page(visit)


@page("/audience/duplicates", title=TITLE, method="POST", personal=True)
def decide(visit: AdminRequest) -> Response:
    """Decide on a pair: `one`, `other` and `act`, which is `join` or `apart`."""
    state = ACTS.get(visit.form.get("act", ""))
    if state is None:
        raise missing()
    pair = (row_id(visit.form.get("one", "")), row_id(visit.form.get("other", "")))
    with db.transaction() as session:
        db.lock_shop(session, visit.shop.id)
        now = clock.now()
        if not duplicates.decide_duplicate(
            session, visit.shop.id, pair, state, at=now, by=visit.user_id
        ):
            raise missing()
        if state == DuplicateState.ACCEPTED and _pair(session, visit.shop.id, *pair):
            merge.merge_profiles(session, visit.shop.id, *pair, by=visit.user_id, now=now)
    joined = visit.say.text("Profiles merged. You can undo this on the profile.")
    apart = visit.say.text("Kept separate.")
    return _page(visit, toast=joined if state == DuplicateState.ACCEPTED else apart)


def _page(visit: AdminRequest, toast: str = "") -> Response:
    shop_id = visit.shop.id
    with db.reading() as session:
        found = duplicates.open_page(session, shop_id, PAIRS_PAGE_SIZE)
        shown = [
            (row, _pair(session, shop_id, row.profile_id, row.other_profile_id)) for row in found
        ]
    if over := [(row.profile_id, row.other_profile_id) for row, pair in shown if pair is None]:
        with db.transaction() as session:
            duplicates.close_duplicates(session, shop_id, over)
    with db.reading() as session:
        total = duplicates.count_open(session, shop_id)
    return visit.page(
        "audience/duplicates.html",
        words=words,
        toast=toast,
        pairs=[(row, pair) for row, pair in shown if pair],
        total=total,
    )


def _pair(
    session: Session, shop_id: int, one_id: int, other_id: int
) -> tuple[Profile, Profile] | None:
    """The two profiles; None when they are not two any more."""
    one = profiles.get_profile(session, shop_id, one_id)
    other = profiles.get_profile(session, shop_id, other_id)
    return None if one is None or other is None or one.id == other.id else (one, other)
