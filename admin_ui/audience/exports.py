"""The audience as a file: everybody, or who is on a list, row by row as the database gives them."""

from starlette.responses import Response, StreamingResponse

from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import clock
from plugin.profiles.export import FORMATS
from plugin.texts import N_
from storage import lists
from storage.engine import db


@page("/audience/export", title=N_("Audience export"), personal=True, by_law=True)
def everybody(visit: AdminRequest) -> Response:
    """Download every profile; `as` is the format."""
    return _file(visit, "audience", None)


@page("/audience/lists/{list_id}/export", title=N_("List export"), personal=True, by_law=True)
def one_list(visit: AdminRequest) -> Response:
    """Download the members of a list; `as` is the format."""
    list_id = visit.number("list_id")
    with db.reading() as session:
        if lists.get_list(session, visit.shop.id, list_id) is None:
            raise missing()
    return _file(visit, f"list-{list_id}", list_id)


def _file(visit: AdminRequest, name: str, list_id: int | None) -> Response:
    kind = visit.request.query_params.get("as", "csv")
    if kind not in FORMATS:
        raise missing()
    name = f"{name}-{clock.now():%Y-%m-%d}.{kind}"
    return StreamingResponse(
        FORMATS[kind].write(visit.shop.id, list_id),
        media_type=FORMATS[kind].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
