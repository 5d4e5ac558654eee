"""Quarantine: deliveries that could not be understood, each with why, as it came, and a retry."""

import json

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import jobs
from plugin.texts import N_
from storage import arrivals, failed_webhooks, inbox
from storage.engine import db
from storage.inbox import Delivery, DeliveryState

TITLE = N_("Failed webhooks")
MAX_BODY_CHARS_SHOWN = 20_000  # bytes of a body on the page


@page("/settings/quarantine", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show the deliveries that could not be read."""
    return _list(visit)


@page("/settings/quarantine/{webhook_id:path}", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show one of them as it came."""
    delivery = _delivery(visit)
    body = _body(delivery)
    return visit.page(
        "settings/failed_webhook.html",
        delivery=delivery,
        body=readable(body),
        size=len(body),
        cut=len(body) > MAX_BODY_CHARS_SHOWN,
    )


@page("/settings/quarantine/{webhook_id:path}", title=TITLE, method="POST", personal=True)
def try_again(visit: AdminRequest) -> Response:
    """Have one read once more."""
    delivery = _delivery(visit)
    if not _body(delivery):
        raise missing()
    with db.inbox_transaction() as session:
        failed_webhooks.offer_again(session, visit.shop.id, delivery.webhook_id)
    jobs.enqueue("digest")
    return _list(visit, visit.say.text("Retrying this webhook."))


def readable(body: bytes) -> str:
    """A body for reading: JSON with line breaks, anything else as it came."""
    text = body[:MAX_BODY_CHARS_SHOWN].decode("utf-8", "replace")
    if len(body) > MAX_BODY_CHARS_SHOWN:
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)[
            : 2 * MAX_BODY_CHARS_SHOWN
        ]
    except (ValueError, RecursionError):
        return text


def _list(visit: AdminRequest, toast: str = "") -> Response:
    with db.inbox_reading() as session:
        found = failed_webhooks.quarantined(session, visit.shop.id)
        ids = [delivery.arrival_id for delivery in found]
        filled = arrivals.filled_among(session, visit.shop.id, ids)
        total = failed_webhooks.count_quarantined(session, visit.shop.id)
    return visit.page(
        "settings/failed_webhooks.html",
        toast=toast,
        path="/settings/quarantine",
        deliveries=found,
        filled=filled,
        total=total,
    )


def _delivery(visit: AdminRequest) -> Delivery:
    with db.inbox_reading() as session:
        found = inbox.get_delivery(
            session, visit.shop.id, visit.request.path_params["webhook_id"][:200]
        )
    if found is None or found.state != DeliveryState.QUARANTINED:
        raise missing()
    return found


def _body(delivery: Delivery) -> bytes:
    with db.inbox_reading() as session:
        return arrivals.get_body(session, delivery.shop_id, delivery.arrival_id)
