"""The plan gate: a merchant without an approved app plan sees its price and where to approve it."""

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest
from plugin.manifest import billing_plan
from plugin.values import to_minor_units
from storage import privacy_requests
from storage.engine import db

PAYMENT_REQUIRED = 402


def ask(visit: AdminRequest, url: str) -> Response:
    """The page in place of every other, with the way to Shopify's own page."""
    plan = billing_plan()
    with db.reading() as session:
        asked = privacy_requests.requests_of(session, visit.shop.id)
    assert plan is not None  # it is what has to be approved
    answer = visit.page(
        "kit/plan.html",
        status=PAYMENT_REQUIRED,
        url=url,
        plan=plan,
        requests=[request for request in asked if request.ready],
        price=visit.say.money(to_minor_units(plan.price, plan.currency), plan.currency),
    )
    # Whatever part htmx asked for, this page takes the whole one's place.
    answer.headers.update({"HX-Retarget": "body", "HX-Reswap": "innerHTML", "HX-Reselect": "body"})
    return answer
