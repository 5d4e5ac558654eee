"""Merges beside concurrent writes: no row stays behind under the profile that is gone."""

import threading
import time
from datetime import UTC, datetime

from sqlalchemy import select

from plugin import clock
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.ingest.record import record_facts
from plugin.messages.record import record_message_event
from plugin.profiles import list_membership, merge
from plugin.profiles.identity import resolve_profiles
from storage import data_subject, flows, merges, profiles
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import timeline
from storage.messages import add_messages, lock_message
from storage.shops import Shop

AT = datetime(2026, 11, 21, tzinfo=UTC)
EMAIL, CUSTOMER = IdentityKey("email", "maya@example.com"), IdentityKey("customer_id", "7")


def know(shop: Shop, *keys: IdentityKey) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (whose,) = resolve_profiles(session, shop.id, [ProfileFact(keys, AT)], AT)
    assert whose is not None
    return whose.profile_id


def test_a_click_beside_a_merge_moves_with_the_message(database: str, shop: Shop) -> None:
    kept, gone = know(shop, CUSTOMER), know(shop, EMAIL)
    message = {"shop_id": shop.id, "id": new_id(), "idempotency_key": "k", "profile_id": gone}
    message |= {"channel": "email", "template_id": 1, "due_at": AT, "created_at": AT}
    with db.transaction() as session:
        (message_id,) = add_messages(session, [message])

    with db.transaction() as session:
        clicked = lock_message(session, shop.id, message_id)
        assert clicked is not None
        merge = threading.Thread(target=know, args=(shop, EMAIL, CUSTOMER))
        merge.start()
        time.sleep(0.5)  # it is as far as it comes
        record_message_event(session, clicked, "Clicked Email", "1", at=clock.now())
    merge.join(30)

    with db.reading() as session:
        assert [event.metric for event in timeline(session, shop.id, kept)] == ["Clicked Email"]


def undo_all(shop: Shop, profile_id: int) -> None:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        for each in merges.merges_of(session, shop.id, profile_id, 10):
            merge.undo_merge(session, shop.id, each.id, "42", now=AT)


def holders(shop: Shop, *keys: IdentityKey) -> list[int]:
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, keys)
    return [found[key] for key in keys]


def test_each_side_gets_back_what_was_its_own(database: str, shop: Shop) -> None:
    maya, tablet = [IdentityKey("email", "maya@example.com")], [IdentityKey("browser_id", "tablet")]
    with db.transaction() as session:
        flow = {"version": 1, "event_id": None, "action_id": "1", "lease_until": 0.0}
        for keys, name in ((maya, "maya"), (tablet, "tablet")):
            person = ProfileFact(tuple(keys), AT, properties={"skin_need": name})
            did = EventFact(person, "Viewed Product", name, AT)
            row = {"token": name, "started_at": AT, "updated_at": AT, "reported_at": AT, "total": 1}
            facts = Facts([person], [did], checkouts=[(person, {**row, "currency": "USD",
                                                                "completed_at": None, "url": "",
                                                                "lines": []})])  # fmt: skip
            record_facts(session, shop, facts, AT)
            (whose,) = resolve_profiles(session, shop.id, [person], AT)
            assert whose is not None
            list_membership.add_to_list(session, shop.id, 1, whose, at=AT, source=name)
            flows.add_enrolments(
                session,
                [{"shop_id": shop.id, "id": new_id(), "flow_id": 1, "trigger_key": name,
                  "due_at": AT,
                  "started_at": AT, "entered_at": AT, **flow, **whose.columns}],
            )  # fmt: skip
    before = dump(shop)
    kept = know(shop, *maya, *tablet)
    assert len(dump(shop)["profile"]) == 1
    assert len(dump(shop)["membership"]) == 1

    undo_all(shop, kept)

    assert dump(shop) == before


def dump(shop: Shop) -> dict[str, list[str]]:
    """Every row of the shop but the merges themselves, without the moment of the join, nor
    when each key was used last: that it was used together with others stays true.
    """
    found = {}
    with db.reading() as session:
        for table in data_subject.tables():
            if table.name not in ("merge", "duplicate"):
                kept = [column for column in table.c if column.name != "claimed_at"]
                rows = session.connection().execute(
                    select(*kept).where(table.c.shop_id == shop.id).order_by(*table.primary_key)
                )
                found[table.name] = [str(row) for row in rows]
    return found


def test_what_was_parted_is_not_joined_by_the_same_keys_again(database: str, shop: Shop) -> None:
    customer, email = know(shop, CUSTOMER), know(shop, EMAIL)
    undo_all(shop, know(shop, EMAIL, CUSTOMER))
    cart = IdentityKey("cart_token", "new")

    with db.transaction() as session:
        said = ProfileFact(
            (EMAIL, CUSTOMER, cart), AT, {"email": EMAIL.value, "first_name": "Maya"}
        )
        (whose,) = resolve_profiles(session, shop.id, [said], AT)

    assert whose is not None
    assert whose.profile_id == customer, "the customer's id is the strongest key"
    assert holders(shop, EMAIL, CUSTOMER, cart) == [email, customer, customer]
    with db.reading() as session:
        profile = profiles.get_profile(session, shop.id, customer)
    assert profile is not None
    assert (profile.first_name, profile.email) == ("Maya", None), "the address is somebody else's"


def test_a_person_joins_again_what_a_person_parted(database: str, shop: Shop) -> None:
    customer, email = know(shop, CUSTOMER), know(shop, EMAIL)
    undo_all(shop, know(shop, EMAIL, CUSTOMER))

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        kept = merge.merge_profiles(session, shop.id, customer, email, by="42", now=AT)

    assert holders(shop, EMAIL, CUSTOMER) == [kept, kept]
    undo_all(shop, kept)
    assert holders(shop, EMAIL, CUSTOMER) == [email, customer]
    know(shop, EMAIL, CUSTOMER)
    assert holders(shop, EMAIL, CUSTOMER) == [email, customer]


def test_a_merge_moves_every_table_about_a_shopper() -> None:
    about_her = {table.name for table in data_subject.tables() if "profile_id" in table.c}
    moved = {table.__tablename__ for table in merges.MOVED_TABLES}

    assert about_her - moved == merges.UNMOVED_TABLES
    assert all("source_profile_id" in db.table_of(table).c for table in merges.MOVED_TABLES)
