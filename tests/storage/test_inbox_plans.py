"""The inbox has an index for each question, and SQLite takes it."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from storage import failed_webhooks, inbox, inbox_claims
from storage.arrivals import NewDelivery, add_deliveries
from storage.engine import db
from tests.conftest import NOW


@pytest.fixture
def session(sqlite: str) -> Generator[Session]:
    with db.inbox_transaction() as session:
        yield session


@pytest.fixture
def asked() -> Generator[dict[str, Any]]:
    """The statements that are run, with the values of one time."""
    told: dict[str, Any] = {}

    def note(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        told[sql] = params

    event.listen(db.inbox_engine(), "before_cursor_execute", note)
    yield told
    event.remove(db.inbox_engine(), "before_cursor_execute", note)


SETTLED = ("shops_before", "drop_digested", "heard", "quarantined", "count_quarantined")
QUESTIONS = {
    "shops_before": lambda s: inbox.shops_before(s, NOW, inbox.DeliveryState.DONE),
    "drop_digested": lambda s: inbox.delete_digested(s, 1, NOW, 10),
    "heard": lambda s: inbox.active_topics(s, 1, ["orders/create"], NOW),
    "quarantined": lambda s: failed_webhooks.quarantined(s, 1),
    "count_quarantined": lambda s: failed_webhooks.count_quarantined(s, 1),
    "behind": lambda s: inbox_claims.has_undigested_before(s, 1, NOW),
    "waiting": inbox_claims.has_due,
    "claim": inbox_claims.claim_deliveries,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_to_the_inbox_is_answered_by_its_index(
    session: Session, asked: dict[str, Any], name: str
) -> None:
    session.connection()
    asked.clear()
    QUESTIONS[name](session)

    raw = session.connection().connection
    steps = [
        str(row[3])
        for sql, params in list(asked.items())
        for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", params)
    ]
    looks = [step for step in steps if step.startswith(("SEARCH delivery", "SCAN delivery"))]
    assert looks
    assert all("USING" in step for step in looks)
    index = "delivery_settled" if name in SETTLED else "delivery_new"
    assert any(index in step for step in looks)


def test_whether_anything_is_behind_is_told_by_the_first_of_many_that_wait(sqlite: str) -> None:
    times = [NOW, *(NOW - timedelta(seconds=n % 3) for n in range(2_000))]
    add_deliveries([
        NewDelivery(1, f"w{number}", "orders/create", "", "", at, b"{}")
        for number, at in enumerate(times)
    ])  # fmt: skip
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with db.inbox_reading() as session:
        driver: Any = session.connection().connection.driver_connection
        driver.set_progress_handler(count, 1)
        behind = [
            inbox_claims.has_undigested_before(session, 1, NOW + timedelta(seconds=later))
            for later in (-60, -1, 60)
        ]
        driver.set_progress_handler(None, 0)
    # Of one moment deliveries of two web processes come in any order: it may be, a second before.
    assert behind == [False, True, True]
    assert steps < 3 * 200, "of SQLite's own, of which each row that it reads takes several"
