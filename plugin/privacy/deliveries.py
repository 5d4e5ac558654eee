"""Find and redact the raw deliveries that name a data subject."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from plugin.privacy.subject_matcher import SubjectMatcher
from storage import arrivals, data_subject, erasure
from storage.engine import db
from storage.inbox import DeliveryState
from storage.privacy_requests import DataSubject


def deliveries(shop_id: int, subject: DataSubject, until: datetime) -> Iterator[list[Any]]:
    """Yield the deliveries up to a moment that name the data subject, in batches."""
    needles, after = SubjectMatcher(subject), ""
    arrivals.take_in_all_arrivals()
    while True:
        with db.inbox_reading() as session:
            page = data_subject.deliveries_page(session, shop_id, after, until)
        if not page:
            return
        yield [row for row in page if needles.matches(bytes(row.body))]
        after = page[-1].webhook_id


def lines(shop_id: int, subject: DataSubject) -> Iterator[list[Any]]:
    """Yield the waiting lines of a backfill that name the data subject, in batches."""
    needles, after = SubjectMatcher(subject), ("", "", -1)
    while True:
        with db.reading() as session:
            page = data_subject.lines_page(session, shop_id, after)
        if not page:
            return
        yield [row for row in page if needles.matches_text(row.body)]
        after = (page[-1].stage, page[-1].root, page[-1].line)


def redact_deliveries(shop_id: int, subject: DataSubject, until: datetime) -> int:
    """Empty the deliveries that name a data subject; return how many are kept until they are
    digested.
    """
    for named in lines(shop_id, subject):
        if named:
            with db.transaction() as session:
                erasure.delete_pairs(session, shop_id, [(row.stage, row.root) for row in named])
    waiting = 0
    for found in deliveries(shop_id, subject, until):
        waiting += sum(row.state == DeliveryState.NEW for row in found)
        settled = [row.webhook_id for row in found if row.state != DeliveryState.NEW]
        if settled:
            with db.inbox_transaction() as session:
                erasure.blank_deliveries(session, shop_id, settled)
    return waiting
