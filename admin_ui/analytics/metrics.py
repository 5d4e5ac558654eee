"""Metrics: the shop's kinds of events, their sources, and rejected events."""

from datetime import timedelta

from starlette.responses import Response

from admin_ui.kit import words
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import clock
from plugin.channels.registry import is_channel_metric
from plugin.metrics import STANDARD
from plugin.texts import N_
from storage import metrics
from storage.engine import db
from storage.metrics import MetricService

DAYS = 30


@page("/analytics/metrics", title=N_("Metrics"))
def show(visit: AdminRequest) -> Response:
    """Show the metrics that the shop has, and which events were refused."""
    since = clock.now().date() - timedelta(days=DAYS)
    with db.reading() as session:
        named = metrics.metrics_of(session, visit.shop.id)
        seen = metrics.seen_metrics(session, visit.shop.id)
        refused = metrics.rejected_events(session, visit.shop.id, since)
    found = [
        (each, named[each.name].service if each.name in named else _service(each.name))
        for each in seen
    ]
    return visit.page(
        "analytics/metrics.html",
        found=found,
        refused=sorted(refused.items(), key=lambda row: -row[1]),
        days=DAYS,
        words=words,
    )


def _service(metric: str) -> MetricService:
    return STANDARD.get(metric) or (
        MetricService.REGULARS if is_channel_metric(metric) else MetricService.API
    )
