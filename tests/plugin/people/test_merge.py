"""Merges while somebody else writes: nothing is left behind under the profile that is gone."""

import threading
import time
from datetime import UTC, datetime

from plugin import clock
from plugin.facts import Key, Person
from plugin.messages.happened import record
from plugin.people.identity import resolve
from storage import db
from storage.events import timeline
from storage.ids import new_id
from storage.messages import add_messages, lock_message
from storage.shops import Shop

AT = datetime(2026, 11, 21, tzinfo=UTC)
EMAIL, CUSTOMER = Key("email", "maya@example.com"), Key("customer_id", "7")


def know(shop: Shop, *keys: Key) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (profile_id,) = resolve(session, shop.id, [Person(keys, AT)], AT)
    assert profile_id is not None
    return profile_id


def test_a_click_beside_a_merge_moves_with_the_message(database: str, shop: Shop) -> None:
    kept, gone = know(shop, CUSTOMER), know(shop, EMAIL)
    message = {"shop_id": shop.id, "id": new_id(), "key": "k", "profile_id": gone}
    message |= {"channel": "email", "template_id": 1, "due_at": AT, "created_at": AT}
    with db.transaction() as session:
        (message_id,) = add_messages(session, [message])

    with db.transaction() as session:
        clicked = lock_message(session, shop.id, message_id)
        assert clicked is not None
        merge = threading.Thread(target=know, args=(shop, EMAIL, CUSTOMER))
        merge.start()
        time.sleep(0.5)  # it is as far as it comes
        record(session, clicked, "Clicked Email", "1", clock.now())
    merge.join(30)

    with db.reading() as session:
        assert [event.metric for event in timeline(session, shop.id, kept)] == ["Clicked Email"]
