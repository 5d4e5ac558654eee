"""Digest deliveries of the inbox: record their facts and start the flows that they trigger.

Safe to run twice on the same delivery: every fact has a key. A malformed delivery is quarantined
with the reason; one that fails for another reason is tried again by itself.
"""

import json
import math
import re
import time
from collections.abc import Mapping, Sequence

import structlog

from plugin import clock, jobs
from plugin.errors import MalformedError
from plugin.facts import Facts, merge_facts
from plugin.ingest.record import record_facts
from plugin.ingest.storable import require_storable
from plugin.shopify.normalise.route import normaliser
from plugin.values import without_unstorable
from storage import erasure, inbox_claims, shops
from storage.engine import db
from storage.engine.faults import ShopBusyError
from storage.inbox import DeliveryState
from storage.inbox_claims import ClaimedDelivery
from storage.shops import Shop

MAX_ATTEMPTS = 5
# Deliveries of one shop in a transaction where other shops wait for its end: 500 that each bring a
# new profile take 90 ms, 50 take 11 (measured).
SHARED_BATCH_SIZE = 50
# What may stand for a character that no database holds, in any encoding that JSON has.
UNPARSABLE = re.compile(rb"\\u(0000|d[89a-f])|\x00|\xed[\xa0-\xbf]", re.IGNORECASE)

log = structlog.get_logger()


def _number(text: str) -> float:
    """A number of JSON; Python reads more than there are, and no database keeps those."""
    value = float(text)
    if not math.isfinite(value):
        raise MalformedError("the body holds a number that is none")
    return value


PARSER = json.JSONDecoder(parse_float=_number, parse_constant=_number)


def digest_deliveries(until: float = math.inf) -> int:
    """Digest everything that waits in the inbox; how many deliveries that was.

    Args:
        until: by time.monotonic(): no other batch is begun after this.
    """
    total = 0
    while time.monotonic() < until and (deliveries := _claim()):
        by_shop: dict[int, list[ClaimedDelivery]] = {}
        for delivery in deliveries:
            by_shop.setdefault(delivery.shop_id, []).append(delivery)
        try:
            for shop_id, batch in by_shop.items():
                _digest_unless_busy(shop_id, batch)
        except db.TRANSIENT:
            _uncount(by_shop)
            raise  # the database is busy or away: the lease runs out and another worker tries again
        total += len(deliveries)
    return total


def _digest_unless_busy(shop_id: int, batch: Sequence[ClaimedDelivery]) -> None:
    """Leave a shop to a later digest that another transaction holds; the others do not wait."""
    try:
        _digest_shop(shop_id, batch)
    except ShopBusyError:
        log.warning("digest.shop_busy", shop=shop_id)
        _uncount({shop_id: batch})


def _claim() -> list[ClaimedDelivery]:
    with db.inbox_transaction() as session:
        return inbox_claims.claim_deliveries(session)


def _digest_shop(shop_id: int, batch: Sequence[ClaimedDelivery]) -> None:
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        size = len(batch) if shops.is_only_shop(session) else SHARED_BATCH_SIZE
    if shop is None:
        _settle(shop_id, batch, DeliveryState.DONE)
        return
    for start in range(0, len(batch), size):
        _digest_some(shop, batch[start : start + size])


def _digest_some(shop: Shop, batch: Sequence[ClaimedDelivery]) -> None:
    shop_id = shop.id
    understood: list[ClaimedDelivery] = []
    facts: list[Facts] = []
    for delivery in batch:
        if delivery.attempts > MAX_ATTEMPTS:
            reason = f"tried {MAX_ATTEMPTS} times: each time the worker died or was too slow"
            _settle(shop_id, [delivery], DeliveryState.QUARANTINED, reason)
            continue
        try:
            delivered = parse_delivery(delivery, shop.currency)
            if delivered.domain not in ("", shop.domain):
                raise MalformedError("the body speaks of another store than the headers")
            facts.append(delivered)
            understood.append(delivery)
        except MalformedError as error:
            _settle(shop_id, [delivery], DeliveryState.QUARANTINED, str(error))
    if not understood:
        return
    merged = merge_facts(facts)
    try:
        apply_facts(shop, merged)
    except db.TRANSIENT:
        raise
    except Exception:
        log.exception("digest.failed", shop=shop_id, deliveries=len(understood))
        _one_by_one(shop, understood, facts)
        return
    left_out = {id(person) for person in merged.redacted}
    about = [any(id(person) in left_out for person in delivered.profiles) for delivered in facts]
    _settle(
        shop_id,
        [d for d, redacted in zip(understood, about, strict=True) if not redacted],
        DeliveryState.DONE,
    )
    _empty(shop_id, [d for d, redacted in zip(understood, about, strict=True) if redacted])


def _one_by_one(shop: Shop, batch: Sequence[ClaimedDelivery], facts: Sequence[Facts]) -> None:
    """Find the delivery that spoils its batch, so that its neighbours do not wait for it."""
    for delivery, delivered in zip(batch, facts, strict=True):
        try:
            apply_facts(shop, delivered)
        except db.TRANSIENT:
            raise
        except Exception as error:
            log.exception("digest.delivery_failed", shop=shop.id, delivery=delivery.webhook_id)
            if delivery.attempts >= MAX_ATTEMPTS:
                reason = f"tried {delivery.attempts} times: {type(error).__name__}"
                _settle(shop.id, [delivery], DeliveryState.QUARANTINED, reason)
        else:
            _settle(shop.id, [delivery], DeliveryState.DONE)
            _empty(shop.id, [delivery] if delivered.redacted else [])


def parse_delivery(delivery: ClaimedDelivery, currency: str) -> Facts:
    """What a delivery says.

    Raises:
        MalformedError: it is not JSON, or not the JSON that its topic promises.
    """
    normalise = normaliser(delivery.topic)
    if normalise is None:
        raise MalformedError(f"there is no handler for the topic {delivery.topic}")
    try:
        payload = PARSER.decode(
            delivery.body.decode(json.detect_encoding(delivery.body), "surrogatepass")
        )
        if UNPARSABLE.search(delivery.body):
            payload = without_unstorable(payload)
    except MalformedError:
        raise
    except (ValueError, RecursionError):
        raise MalformedError("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise MalformedError("the body is not a JSON object")
    if delivery.triggered_at:
        payload["triggered_at"] = delivery.triggered_at
    try:
        facts = normalise(delivery.topic, payload, currency)
        require_storable(facts)
        return facts
    except MalformedError:
        raise
    except Exception as error:  # any error: it must not fail the other deliveries of the batch
        raise MalformedError(f"the payload is not as promised: {type(error).__name__}") from error


def apply_facts(shop: Shop, facts: Facts) -> None:
    """Write one shop's facts in one transaction, then enqueue the steps that are due now."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        entered = record_facts(session, shop, facts, now)
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment_id) for enrolment_id in entered])


def _uncount(by_shop: Mapping[int, Sequence[ClaimedDelivery]]) -> None:
    """That the database was away says nothing against a delivery."""
    for shop_id, batch in by_shop.items():
        with db.inbox_transaction() as session:
            inbox_claims.refund_attempts(
                session, shop_id, [delivery.webhook_id for delivery in batch]
            )


def _empty(shop_id: int, batch: Sequence[ClaimedDelivery]) -> None:
    """Empty deliveries about redacted people and mark them digested."""
    ids = [delivery.webhook_id for delivery in batch]
    if ids:
        with db.inbox_transaction() as session:
            inbox_claims.settle_deliveries(session, shop_id, ids, DeliveryState.DONE)
            erasure.blank_deliveries(session, shop_id, ids)


def _settle(shop_id: int, batch: Sequence[ClaimedDelivery], state: str, error: str = "") -> None:
    with db.inbox_transaction() as session:
        inbox_claims.settle_deliveries(
            session, shop_id, [d.webhook_id for d in batch], state, error=error
        )
