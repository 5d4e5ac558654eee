"""The import of a shop's past: how far its reading is, for the card on the home page."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import clock
from plugin.texts import N_
from storage import backfills
from storage.backfills import ENDED_STATES, BackfillState, StoreNoun
from storage.engine import db

SHOWN_FOR = timedelta(days=1)  # after its end
STAGES = {
    StoreNoun.CUSTOMERS: N_("Customers"),
    StoreNoun.PRODUCTS: N_("Products"),
    StoreNoun.ORDERS: N_("Orders"),
    StoreNoun.CHECKOUTS: N_("Abandoned checkouts"),
    StoreNoun.COLLECTIONS: N_("Collections"),
    StoreNoun.STOCK: N_("Stock"),
    StoreNoun.SUBSCRIPTIONS: N_("Subscriptions"),
}


@dataclass(frozen=True)
class StageProgress:
    """One stage, in words."""

    name: str
    words: str
    share: float
    failed: bool


@dataclass(frozen=True)
class BackfillProgress:
    """The whole of it."""

    parts: list[StageProgress]
    share: float
    over: bool
    failed: bool


@page("/past", title=N_("Home"))
def show(visit: AdminRequest) -> Response:
    """Show the card alone, which the home page polls during the backfill; opened by hand, the home
    page.
    """
    if "hx-request" not in visit.request.headers:
        return RedirectResponse(f"/?{visit.request.url.query}", status_code=302)
    with db.reading() as session:
        found = read_progress(session, visit.shop.id, visit.say)
    return visit.part("home/backfill.html", past=found)


def read_progress(session: Session, shop_id: int, say: Language) -> BackfillProgress | None:
    """How far it is; None when there is nothing to tell any more."""
    stages = backfills.stages_of(session, shop_id)
    ended = [each.finished_at for each in stages if each.finished_at is not None]
    over = all(each.state in ENDED_STATES for each in stages)
    failed = any(each.state == BackfillState.FAILED for each in stages)
    if not stages or (over and not failed and max(ended) < clock.now() - SHOWN_FOR):
        return None
    parts = [
        StageProgress(
            say.text(STAGES.get(each.stage, each.stage)),
            _words(each, say),
            each.share,
            each.state == BackfillState.FAILED,
        )
        for each in stages
    ]
    return BackfillProgress(parts, sum(part.share for part in parts) / len(parts), over, failed)


def _words(stage: backfills.Backfill, say: Language) -> str:
    if stage.state == BackfillState.FAILED:
        return say.text("Shopify didn't allow this data to be read.")
    done, total = say.number(stage.done), say.number(max(stage.total, stage.done))
    if stage.state in ENDED_STATES:
        skipped = say.text("%(count)s couldn't be read", count=say.number(stage.skipped))
        return f"{done} · {skipped}" if stage.skipped else done
    if not stage.total:
        return say.text("Waiting for Shopify")
    return say.text("%(done)s of %(total)s", done=done, total=total)
