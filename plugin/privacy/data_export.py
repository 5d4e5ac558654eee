"""A copy of what we keep about somebody. In: what she is known by. Out: one JSON text."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from plugin import clock
from plugin.privacy import deliveries as raw
from plugin.privacy import import_files as brought
from storage import data_subject as about
from storage import privacy_requests as privacy
from storage import shops
from storage.engine import db

COLUMN_NOTES = (
    "Everything that this shop's app Regulars keeps about one person, by table."
    " Amounts are in minor units of their currency, moments in UTC."
    " The days of `activity` are counted from 1 January 1970."
    " Beside this it may keep keyed hashes, which name nobody."
)


def export_profile(shop_id: int, keys: Sequence[tuple[str, str]]) -> str:
    """Every row that is about the person behind these keys, and every delivery that names her."""
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        whom = about.find_subject(session, shop_id, keys)
        tables = about.rows_about(session, shop_id, whom)
        forgotten = bool(privacy.redacted_among(session, shop_id, whom.keys))
        suppressed = sorted(privacy.suppressed_addresses(session, shop_id, whom.addresses))
    deliveries = [
        {"topic": row.topic, "received_at": row.received_at, "body": _read(bytes(row.body))}
        for found in raw.deliveries(shop_id, whom, clock.now())
        for row in found
    ]
    lines = [_read(row.body.encode()) for found in raw.lines(shop_id, whom) for row in found]
    said = {
        "about": COLUMN_NOTES,
        "shop": "" if shop is None else shop.domain,
        "made_at": clock.now(),
        "known_by": [{"kind": kind, "value": value} for kind, value in whom.keys],
        "tables": tables,
        "deliveries": deliveries,
        "waiting_lines": lines,
        "imported_rows": list(brought.find_rows(shop_id, whom)),
        "forgotten_before": forgotten,
        "suppressed": [{"channel": channel, "address": address} for channel, address in suppressed],
    }
    return json.dumps(said, ensure_ascii=False, indent=1, default=_plain)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
