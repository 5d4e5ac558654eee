"""Throttle queries by the cost that Shopify reports for a shop."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryCost:
    """What Shopify says that a query may cost, and how full the shop's bucket is."""

    requested: float
    left: float
    most: float
    per_s: float  # how fast the bucket fills; 0 where Shopify does not say


def parse_cost(extensions: object) -> QueryCost | None:
    """Read `extensions` of an answer; None where they hold no cost."""
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    if not isinstance(cost, dict):
        return None
    bucket = cost.get("throttleStatus") or {}
    return QueryCost(
        _number(cost.get("requestedQueryCost")),
        _number(bucket.get("currentlyAvailable")),
        _number(bucket.get("maximumAvailable")),
        _number(bucket.get("restoreRate")),
    )


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

    def record_cost(self, domain: str, document: str, cost: QueryCost) -> float:
        """Take in a cost; how many seconds until the query could be asked again."""
        if cost.per_s <= 0:
            return 0.0
        with self._lock:
            self._left[domain] = (cost.left, cost.most, cost.per_s, time.monotonic())
            self._costs[document] = cost.requested
        return max(0.0, (cost.requested - cost.left) / cost.per_s)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
