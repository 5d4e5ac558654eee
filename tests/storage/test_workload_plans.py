"""What monitoring asks is answered by an index: a store of any size is asked in milliseconds."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from storage import workload
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState
from storage.privacy_requests import PrivacyRequest, PrivacyRequestState
from storage.write_backs import WriteBack, WriteBackState
from tests.conftest import NOW

MAIN = {
    "message_due": lambda s: workload.due_messages(s, NOW, NOW - timedelta(minutes=1)),
    "message_due ": lambda s: workload.messages_put_off(s, NOW),
    "message_lost": lambda s: workload.messages_failed(s, NOW),
    "enrolment_due": lambda s: workload.due_rows(s, Enrolment, EnrolmentState.WAITING, NOW),
    "write_back_due": lambda s: workload.due_rows(s, WriteBack, WriteBackState.DUE, NOW),
    "privacy_request_due": lambda s: workload.due_rows(
        s, PrivacyRequest, PrivacyRequestState.NEW, NOW
    ),
    "reconciliation_due": lambda s: workload.due_reconciliations(s, NOW),
}
INBOX = {
    "delivery_new": workload.new_deliveries,
    "delivery_settled": workload.count_quarantined,
}


@pytest.fixture
def steps(sqlite: str) -> Any:
    """Return how SQLite answers a question, step by step."""

    def explain(question: Any, engine: Engine, reading: Any) -> list[str]:
        asked: dict[str, Any] = {}

        def note(conn: Any, cursor: Any, sql: str, params: Any, *others: Any) -> None:
            asked[sql] = params

        with reading() as session:
            session.connection()
            event.listen(engine, "before_cursor_execute", note)
            question(session)
            event.remove(engine, "before_cursor_execute", note)
            raw = session.connection().connection
            return [
                str(row[3])
                for sql, params in asked.items()
                for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            ]

    return explain


@pytest.mark.parametrize("index", [*MAIN, *INBOX])
def test_o06_monitoring_asks_by_an_index(steps: Any, index: str) -> None:
    if index in MAIN:
        told = steps(MAIN[index], db.engine(), db.reading)
    else:
        told = steps(INBOX[index], db.inbox_engine(), db.inbox_reading)

    looks = [step for step in told if step.startswith(("SEARCH", "SCAN"))]
    tables = [step for step in looks if index.strip().rpartition("_")[0] in step]
    assert tables
    assert all("USING" in step for step in tables), looks
    assert any(f"INDEX {index.strip()}" in step for step in tables), looks
