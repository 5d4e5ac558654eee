"""Export everything that we store about a data subject as one JSON text."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from plugin import clock
from plugin.privacy import deliveries as webhook_deliveries
from plugin.privacy import import_files
from storage import data_subject, shops, suppressions
from storage.engine import db

COLUMN_NOTES = (
    "Everything that this shop's app Regulars keeps about one person, by table."
    " Amounts are in minor units of their currency, moments in UTC."
    " The days of `activity` are counted from 1 January 1970."
    " Beside this it may keep keyed hashes, which name no one."
)


def export_profile(shop_id: int, keys: Sequence[tuple[str, str]]) -> str:
    """Return every row about the person behind these identities, and every delivery that names
    them.
    """
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        subject = data_subject.find_subject(session, shop_id, keys)
        tables = data_subject.rows_about(session, shop_id, subject)
        forgotten = bool(suppressions.redacted_among(session, shop_id, subject.keys))
        suppressed = sorted(suppressions.suppressed_addresses(session, shop_id, subject.addresses))
    deliveries = [
        {"topic": row.topic, "received_at": row.received_at, "body": _read(bytes(row.body))}
        for found in webhook_deliveries.deliveries(shop_id, subject, clock.now())
        for row in found
    ]
    lines = [
        _read(row.body.encode())
        for found in webhook_deliveries.lines(shop_id, subject)
        for row in found
    ]
    export = {
        "about": COLUMN_NOTES,
        "shop": "" if shop is None else shop.domain,
        "made_at": clock.now(),
        "known_by": [{"kind": kind, "value": value} for kind, value in subject.keys],
        "tables": tables,
        "deliveries": deliveries,
        "waiting_lines": lines,
        "imported_rows": list(import_files.find_rows(shop_id, subject)),
        "forgotten_before": forgotten,
        "suppressed": [{"channel": channel, "address": address} for channel, address in suppressed],
    }
    return json.dumps(export, ensure_ascii=False, indent=1, default=_plain)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
