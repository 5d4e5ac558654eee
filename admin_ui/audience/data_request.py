"""A shopper's data export: the file that a privacy request made, for the merchant."""

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin.texts import N_
from storage import privacy_requests
from storage.engine import db


@page(
    "/settings/privacy/{request_id}", title=N_("Customer data export"), personal=True, by_law=True
)
def download(visit: AdminRequest) -> Response:
    """Download the file of a request."""
    with db.reading() as session:
        request = privacy_requests.get_request(session, visit.shop.id, visit.number("request_id"))
    if request is None or request.export is None:
        raise missing()
    name = f"privacy-request-{request.requested_at:%Y-%m-%d}-{request.id}.json"
    return Response(
        request.export,
        media_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
