"""The proof of a shopper's consents: a file for the merchant, as JSON or as a table."""

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import clock
from plugin.consent import proof
from plugin.texts import N_
from storage import profiles
from storage.engine import db


@page(
    "/audience/profiles/{profile_id}/proof", title=N_("Consent proof"), personal=True, by_law=True
)
def download(visit: AdminRequest) -> Response:
    """Download the proof; `as` may be `csv`."""
    shop_id = visit.shop.id
    with db.reading() as session:
        profile = profiles.get_profile(session, shop_id, visit.number("profile_id"))
        if profile is None:
            raise missing()
        known = profiles.identities_of(session, shop_id, [profile.id])
    keys = [(identity.kind, identity.value) for identity in known]
    table = visit.request.query_params.get("as") == "csv"
    name = f"consent-proof-{clock.now():%Y-%m-%d}-{profile.id}.{'csv' if table else 'json'}"
    return Response(
        proof.proof_as_csv(shop_id, keys) if table else proof.proof_as_json(shop_id, keys),
        media_type="text/csv" if table else "application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
