"""Throttle queries by the cost that Shopify reports for a shop."""

import threading
import time

from storage.engine.types import JsonObject


class CostThrottle:
    """One app's cost buckets at the shops it calls, as last reported to this process.

    Other processes spend from the same buckets, so this only makes throttling rare.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float, float, float]] = {}
        self._costs: dict[str, float] = {}

    def reserve(self, domain: str, document: str) -> float:
        """Set aside what a document cost the last time; how many seconds until it is there."""
        with self._lock:
            left, most, per_s, at = self._left.get(domain, (0.0, 0.0, 0.0, 0.0))
            cost = self._costs.get(document)
            if cost is None or per_s <= 0:
                return 0.0
            now = time.monotonic()
            left = min(most, left + (now - at) * per_s) - min(cost, most)
            self._left[domain] = (left, most, per_s, now)
            return max(0.0, -left / per_s)

    def record_cost(self, domain: str, document: str, cost: JsonObject) -> float:
        """Take in `extensions.cost`; how many seconds until the query could be asked again."""
        bucket = cost.get("throttleStatus") or {}
        asked = _number(cost.get("requestedQueryCost"))
        left = _number(bucket.get("currentlyAvailable"))
        most = _number(bucket.get("maximumAvailable"))
        per_s = _number(bucket.get("restoreRate"))
        if per_s <= 0:
            return 0.0
        with self._lock:
            self._left[domain] = (left, most, per_s, time.monotonic())
            self._costs[document] = asked
        return max(0.0, (asked - left) / per_s)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
