from itertools import product

import pytest

from plugin import clock
from storage.engine import db
from storage.messages import ALLOWED, Message, MessageState, set_state

FINAL = {state for state in MessageState if not ALLOWED[state]}


def message(shop, state: MessageState) -> Message:
    now = clock.now()
    return Message(
        shop_id=shop.id, id=1, idempotency_key="1", profile_id=1, channel="email", state=state,
        template_id=1, due_at=now, created_at=now,
    )  # fmt: skip


def test_what_was_sent_skipped_failed_or_left_in_doubt_stays_so():
    assert {
        MessageState.ACCEPTED, MessageState.SKIPPED, MessageState.FAILED, MessageState.AMBIGUOUS,
    } == FINAL  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(product(MessageState, repeat=2)))
def test_a_message_changes_only_as_the_table_says(sqlite, shop, before, after):
    row = message(shop, before)
    with db.transaction() as session:
        if after in ALLOWED[before]:
            set_state(session, row, after, "render")
            assert (row.state, row.skip_reason) == (after, "render")
        else:
            with pytest.raises(ValueError, match=f"is {before}: it cannot become {after}"):
                set_state(session, row, after)
            assert row.state == before
