"""Carry out the privacy requests of shoppers and stores.

One transaction does what must not wait: later facts start a new profile. The rest is done in
bounded pieces, and the clock enqueues the job until it is done. A crash costs nothing: each piece
is safe to do twice.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.facts import IdentityKey, PrivacyFact
from plugin.messages import confirmations
from plugin.privacy import deliveries, import_files
from plugin.privacy.data_export import export_profile
from plugin.sheets import files
from plugin.shopify.api.http import ShopifyError
from plugin.shopify.install.installation import is_let_in
from storage import confirmations as stored_confirmations
from storage import data_subject, erasure, privacy_requests, shops, suppressions, vacuum
from storage.engine import db
from storage.engine.ids import new_id
from storage.privacy_requests import DataSubject, PrivacyRequest, PrivacyRequestState, PrivacyTopic
from storage.shops import Shop

EXPORT_KEPT_FOR = timedelta(
    days=30
)  # a file waits this long to be fetched: GDPR, article 12(3), a month
SHOP_REDACT_DELAY = timedelta(hours=48)
RETRY_DELAY = timedelta(minutes=15)  # while Shopify cannot be asked
MAX_DIGEST_WAIT = timedelta(days=7)  # of the 30 that Shopify gives us
# while deliveries about the data subject wait to be digested
DIGEST_POLL_DELAY = timedelta(seconds=2)

log = structlog.get_logger()


def accept_request(session: Session, shop_id: int, asked: PrivacyFact, now: datetime) -> int | None:
    """Keep a request and do what must be done at once; its id, or None when it is known.

    The caller holds the shop's lock and commits.
    """
    subject = DataSubject()
    if asked.kind != PrivacyTopic.SHOP_REDACT:
        subject = data_subject.find_subject(session, shop_id, asked.identities)
    request_id = privacy_requests.add_request(
        session,
        {
            "shop_id": shop_id,
            "id": new_id(),
            "dedupe_key": privacy_requests.keyed_hash(
                "request", f"{shop_id}:{asked.kind}:{asked.reference}"
            ),
            "kind": asked.kind,
            "requested_at": now if asked.kind == PrivacyTopic.REDACT else asked.requested_at,
            "due_at": now,
            "subject": json.dumps(asdict(subject)),
            "keyed_hashes": [
                privacy_requests.keyed_hash("redaction", f"{shop_id}:{k}:{v}")
                for k, v in asked.identities
            ],
        },
    )
    if request_id is not None and asked.kind == PrivacyTopic.REDACT:
        # Nothing that is known by now is newer than this moment, so that it is one clean cut.
        suppressions.add_redacted(session, shop_id, subject.keys, now)
        suppressions.suppress_addresses(session, shop_id, subject.addresses, now)
        privacy_requests.delete_exports(session, shop_id, _marks(shop_id, subject))
        erasure.detach_subject(session, shop_id, subject)
    return request_id


def run_requests(shop_id: int, ids: Sequence[int]) -> None:
    """Carry out requests that are due. Safe to run twice."""
    forgot = emptied = False
    for request_id in ids:
        with db.reading() as session:
            request = privacy_requests.get_request(session, shop_id, request_id)
        if request is None or request.state != PrivacyRequestState.NEW:
            continue
        if request.kind == PrivacyTopic.REDACT:
            forgot |= _redact(request)
        elif request.kind == PrivacyTopic.DATA_REQUEST:
            _copy(request)
        else:
            emptied |= _empty(request)
        log.info("privacy.worked", shop=shop_id, request=request_id, kind=request.kind)
    touched = () if emptied else data_subject.personal_tables()
    if (forgot or emptied) and not vacuum.vacuum_database(touched):
        log.warning("privacy.not_scrubbed", shop=shop_id)


def expire_exports() -> None:
    """Empty expired export files."""
    with db.transaction() as session:
        privacy_requests.expire_exports(session, clock.now())


def redact_profile(shop_id: int, keys: Sequence[IdentityKey]) -> bool:
    """Redact a shopper now, for the operator; return whether everything is gone already."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        asked = PrivacyFact(PrivacyTopic.REDACT, now, f"operator:{new_id()}", tuple(keys))
        request_id = accept_request(session, shop_id, asked, now)
    assert request_id is not None  # its reference is new
    run_requests(shop_id, [request_id])
    with db.reading() as session:
        request = privacy_requests.get_request(session, shop_id, request_id)
    return request is None or request.state == PrivacyRequestState.DONE


def _redact(request: PrivacyRequest) -> bool:
    """Redact a shopper; False while deliveries about them wait to be digested."""
    subject = _subject(request)
    _piece_by_piece(request.shop_id, subject)
    if deliveries.redact_deliveries(request.shop_id, subject, request.requested_at):
        _finish(
            request,
            state=PrivacyRequestState.NEW,
            due_at=clock.now() + DIGEST_POLL_DELAY,
            lease_until=0.0,
        )
        return False
    import_files.redact_rows(request.shop_id, subject)
    _finish(request, state=PrivacyRequestState.DONE, subject=None)
    return True


def _piece_by_piece(shop_id: int, subject: DataSubject) -> None:
    more = True
    while more:
        with db.transaction() as session:
            more = erasure.erase_batch(session, shop_id, subject)


def _copy(request: PrivacyRequest) -> None:
    """Put the file together that the merchant hands over."""
    now = clock.now()
    content = export_profile(request.shop_id, _subject(request).keys)
    if not _finish(
        request,
        state=PrivacyRequestState.DONE,
        subject=None,
        export=content,
        expires_at=now + EXPORT_KEPT_FOR,
    ):
        return  # the shopper was redacted meanwhile
    with db.transaction() as session:
        ask = stored_confirmations.confirmation_for_request(session, request.shop_id, request.id)
        shop = shops.get_shop(session, request.shop_id)
        if ask is None or shop is None:
            return
        confirmations.confirmation_message(session, shop, ask, now)
    jobs.enqueue("send_first", request.shop_id, [ask.id])


def _empty(request: PrivacyRequest) -> bool:
    """Empty a shop, unless it came back after the uninstall that the request is about; whether that
    was done.
    """
    shop_id = request.shop_id
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
    if shop is None:
        return False
    try:
        back = _is_back(shop, request.requested_at)
    except ShopifyError:
        if clock.now() - request.requested_at < MAX_DIGEST_WAIT:
            _finish(request, due_at=clock.now() + RETRY_DELAY, lease_until=0.0)
            return False
        back = False
    if back:
        log.warning("privacy.shop_is_back", shop=shop_id, request=request.id)
        _finish(request, state=PrivacyRequestState.DONE, subject=None)
        return False
    with db.transaction() as session:
        shops.uninstall(session, shop_id, max(request.requested_at, shop.installed_at))
    files.delete_files(shop_id)
    _all_rows(shop_id)
    with db.transaction() as session:
        erasure.delete_shop(session, shop_id)
    _all_rows(shop_id)  # what a worker was still writing
    return True


def _is_back(shop: Shop, asked_at: datetime) -> bool:
    """Return whether a store was installed again since the uninstall that a request is about.

    Shopify asks 48 hours after an uninstall and does not say which of the two its time is
    (shopify.dev: privacy law compliance). An install between them may be a new one, or the old one
    with an uninstall that was never reported to us: then Shopify knows.
    """
    if shop.installed_at > asked_at:
        return True
    if shop.uninstalled_at is not None or shop.installed_at < asked_at - SHOP_REDACT_DELAY:
        return False
    return is_let_in(shop.id)


def _all_rows(shop_id: int) -> None:
    more = True
    while more:
        with db.transaction() as session:
            more = erasure.empty_shop(session, shop_id)
    more = True
    while more:
        with db.inbox_transaction() as session:
            more = erasure.empty_inbox(session, shop_id)


def _finish(request: PrivacyRequest, **changes: object) -> bool:
    """Save a request's progress; False when another worker did, or it is no longer to be done."""
    with db.transaction() as session:
        held = privacy_requests.lock_request(session, request.shop_id, request.id)
        if held is None or held.state != PrivacyRequestState.NEW:
            return False
        for name, value in changes.items():
            setattr(held, name, value)
        if changes.get("state") == PrivacyRequestState.DONE:
            held.done_at = clock.now()
        session.add(held)
        return True


def _subject(request: PrivacyRequest) -> DataSubject:
    kept = json.loads(request.subject or "{}")
    return DataSubject(
        keys=[(kind, value) for kind, value in kept.get("keys", ())],
        profile_ids=kept.get("profile_ids", []),
        order_ids=kept.get("order_ids", []),
        unproven=[(kind, value) for kind, value in kept.get("unproven", ())],
    )


def _marks(shop_id: int, subject: DataSubject) -> list[str]:
    words = [f"{shop_id}:{kind}:{value}" for kind, value in subject.keys]
    return list(privacy_requests.keyed_hashes("redaction", words))
