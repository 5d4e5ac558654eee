"""What goes back to Shopify's customers: what the merchant wants of it, and what did not go."""

from dataclasses import replace

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import clock, jobs
from plugin.texts import N_
from storage import shops, write_backs
from storage.engine import db

TITLE = N_("Sync to Shopify customers")
CHOICES = ("create_customers", "write_form_answers")


@page("/settings/write-backs", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show what goes back to Shopify, and what did not."""
    return _page(visit)


@page("/settings/write-backs", title=TITLE, method="POST")
def save(visit: AdminRequest) -> Response:
    """Save the choices, or with `again` try once more what failed."""
    shop_id = visit.shop.id
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        assert shop is not None  # the visit's own
        if "again" in visit.form:
            write_backs.retry_failed(session, shop_id, clock.now())
        else:
            for name in CHOICES:
                setattr(shop, name, visit.form.get(name) == "on")
            session.add(shop)
    if "again" not in visit.form:
        return _page(replace(visit, shop=shop), visit.say.text("Saved"))
    jobs.enqueue("write_back", shop_id)
    return _page(visit, visit.say.text("Retrying"))


def _page(visit: AdminRequest, toast: str = "") -> Response:
    with db.reading() as session:
        count, shown = write_backs.failed_write_backs(session, visit.shop.id)
    return visit.page("settings/write_backs.html", toast=toast, count=count, shown=shown)
