"""The inbox has an index for each question, and SQLite takes it."""

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from storage import failed_webhooks, inbox, inbox_claims
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
