"""Accept events with a merchant's own metric names from a page or an API call, or say why not.

A caller uses `parse_event` and `accept_events` and then records the rest. The limits are Klaviyo's:
developers.klaviyo.com/en/docs/rate_limits_and_error_handling.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from babel.numbers import is_currency
from sqlmodel import Session

from plugin.errors import MalformedError
from plugin.facts import EventFact, ProfileFact
from plugin.metrics import STANDARD
from plugin.values import parse_time, to_minor_units, without_unstorable
from storage import metrics
from storage.engine.ids import new_id
from storage.metrics import MetricService, RejectReason

MAX_METRIC_NAME_CHARS = 128  # characters
MAX_EVENT_BYTES = 5_000_000  # bytes of an event as JSON
MAX_PROPERTIES = 300
MAX_FIELD_BYTES = 100_000  # bytes of a text
MAX_ITEMS = 4_000  # of a list
MAX_JSON_DEPTH = 10
SINCE, AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=366)
MAX_UNIQUE_ID_CHARS = 200
MAX_METRICS = 1_000  # that a merchant names
MAX_STOREFRONT_METRICS = 200  # that pages do: anybody can send what a page sends


def parse_event(
    reported: Mapping[str, object], person: ProfileFact, currency: str, now: datetime
) -> EventFact | RejectReason:
    """Return a reported event of a profile, or why it is rejected.

    Args:
        reported: {name, properties, time, value, value_currency, unique_id}, of which only the name
            is required; the value is in whole units, as 19.99.
        person: the profile; its first identity is part of the event's id.
        currency: the shop's, of a value that names none.
    """
    name = reported.get("name")
    if not isinstance(name, str) or not (name := " ".join(without_unstorable(name).split())):
        return RejectReason.NAME
    if len(name) > MAX_METRIC_NAME_CHARS or not name.isprintable() or "@" in name:
        return RejectReason.NAME  # an address would stand in every list of metrics
    about = reported.get("properties")
    about = {} if about is None else about
    if (wrong := _flaw(about)) is not None:
        return wrong
    at = _time(reported.get("time"), now)
    if at is None:
        return RejectReason.TIME
    try:
        value, code = _value(reported.get("value"), reported.get("value_currency"), currency)
    except MalformedError:
        return RejectReason.VALUE
    properties = without_unstorable(about)
    unique_id = reported.get("unique_id")
    if unique_id is None:
        unique_id = _digest(name, at.isoformat(), json.dumps(properties, sort_keys=True))
    if not isinstance(unique_id, str) or not 0 < len(unique_id) <= MAX_UNIQUE_ID_CHARS:
        return RejectReason.UNIQUE_ID
    # Klaviyo counts an id once for a profile and a metric, so two shoppers may have the same one.
    identity_hash = _digest(*person.identities[0]) if person.identities else ""
    unique_id = f"{identity_hash}:{without_unstorable(unique_id)}"
    return EventFact(person, name, unique_id, at, value, code, properties)


def accept_events(
    session: Session,
    shop_id: int,
    reported: Sequence[EventFact],
    service: MetricService,
    *,
    now: datetime,
) -> list[EventFact]:
    """Return the events with a metric that the shop has or has room for; count the others.

    The caller holds the shop's lock, records them and commits.
    """
    named = {did.metric for did in reported} - STANDARD.keys()
    fresh = sorted(named - metrics.known_metrics(session, shop_id, named)) if named else []
    if not fresh:
        return list(reported)
    room = MAX_METRICS - metrics.count_metrics(session, shop_id)
    if service == MetricService.ONSITE:
        room = min(
            room,
            MAX_STOREFRONT_METRICS - metrics.count_metrics(session, shop_id, MetricService.ONSITE),
        )
    room = max(room, 0)
    metrics.add_metrics(
        session,
        [
            {"shop_id": shop_id, "id": new_id(), "name": name, "service": service,
             "first_seen_at": now}
            for name in fresh[:room]
        ],
    )  # fmt: skip
    beyond = frozenset(fresh[room:])
    refused = [RejectReason.METRICS for did in reported if did.metric in beyond]
    count_rejections(session, shop_id, refused, now)
    return [did for did in reported if did.metric not in beyond]


def count_rejections(
    session: Session, shop_id: int, refused: Sequence[RejectReason], now: datetime
) -> None:
    """Let the merchant see how many events were not taken, and why."""
    for reason, number in sorted(Counter(refused).items()):
        metrics.count_rejected(session, shop_id, now.date(), reason, count=number)


def _flaw(about: Any) -> RejectReason | None:
    """What is wrong with properties, if anything is."""
    if not isinstance(about, dict) or len(about) > MAX_PROPERTIES:
        return RejectReason.PROPERTIES
    left: list[tuple[Any, int]] = [(about, 1)]
    while left:
        value, depth = left.pop()
        if isinstance(value, str):
            if len(value.encode("utf-8", "replace")) > MAX_FIELD_BYTES:
                return RejectReason.FIELD
        elif isinstance(value, float) and not isfinite(value):
            return RejectReason.FIELD  # no JSON has these
        elif isinstance(value, list | dict):
            if depth > MAX_JSON_DEPTH:
                return RejectReason.DEPTH
            if isinstance(value, list) and len(value) > MAX_ITEMS:
                return RejectReason.ITEMS
            inside = value if isinstance(value, list) else [*value.keys(), *value.values()]
            left += ((each, depth + 1) for each in inside)
    if len(json.dumps(about)) > MAX_EVENT_BYTES:
        return RejectReason.SIZE
    return None


def _time(value: Any, now: datetime) -> datetime | None:
    """Return the time of an event: now if it has none; None if it is impossible."""
    if value is None:
        return now
    try:
        at = parse_time(value, "time")
    except MalformedError:
        return None
    return at if SINCE <= at <= now + AHEAD else None


def _value(value: Any, code: Any, currency: str) -> tuple[int | None, str | None]:
    if value is None:
        return None, None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MalformedError("value is not an amount")
    code = currency if code in (None, "") else code
    if not isinstance(code, str) or not is_currency(code := code.upper()):
        raise MalformedError("value_currency is not a currency")
    return to_minor_units(value, code, "value"), code


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
