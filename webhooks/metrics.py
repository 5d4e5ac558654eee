"""/metrics, for a Prometheus on this machine, or for who knows the token."""

import hmac
from ipaddress import ip_address

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.runtime.measurements import Measurements
from plugin.settings import get_settings
from webhooks.client_ip import address_of

REFUSAL = "Set REGULARS_METRICS_TOKEN, and send it as a Bearer token."


def routes() -> list[BaseRoute]:
    """The one path."""
    return [Route("/metrics", show_metrics)]


def show_metrics(request: Request) -> Response:
    """What waits, how late it is, and what failed."""
    if not _is_allowed(request):
        return PlainTextResponse(REFUSAL, 403)
    state = request.app.state
    if not hasattr(state, "measurements"):
        state.measurements = Measurements(state.readiness)
    return Response(state.measurements.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_allowed(request: Request) -> bool:
    """With a token only who knows it; without one, this machine itself.

    A proxy on this machine passes visitors on: then the visitor's address counts.
    """
    if token := get_settings().metrics_token:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode("utf-8"), f"Bearer {token}".encode())
    try:
        return ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
