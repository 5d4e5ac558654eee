"""A query on a shop's table that forgets its shop raises, however it is written."""

import pytest
from sqlalchemy import delete, or_, text, update
from sqlmodel import col, select

from storage import db
from storage.events import Event
from storage.guard import ForgottenShopError
from storage.ids import new_id
from storage.profiles import Identity, Profile

FORGETFUL = {
    "select": select(Profile),
    "by another column": select(Profile).where(Profile.email == "a@b.example"),
    "joined without its shop": select(Profile)
    .join(Event, col(Event.profile_id) == Profile.id)
    .where(Profile.shop_id == 1),
    "shop in one side of an or": select(Profile).where(
        or_(col(Profile.shop_id) == 1, col(Profile.email) == "x")
    ),
    "in a subquery": select(Profile).where(
        Profile.shop_id == 1, col(Profile.id).in_(select(Identity.profile_id))
    ),
    "update": update(Profile).values(email=None),
    "delete": delete(Profile).where(col(Profile.id) == 1),
    "text": text("SELECT * FROM profile"),
}


@pytest.mark.parametrize("statement", FORGETFUL.values(), ids=FORGETFUL.keys())
def test_a_forgotten_shop_raises(database, statement):
    with pytest.raises(ForgottenShopError), db.transaction() as session:
        session.execute(statement)


def test_a_join_may_get_its_shop_from_the_other_side(database):
    query = (
        select(Profile)
        .join(
            Event, (col(Event.shop_id) == Profile.shop_id) & (col(Event.profile_id) == Profile.id)
        )
        .where(Event.shop_id == 1)
    )
    with db.reading() as session:
        assert session.exec(query).all() == []


def test_work_for_every_shop_says_so(database):
    with db.reading() as session:
        assert db.every_shop(session, select(Profile), "this test").all() == []


def test_ids_only_grow_and_never_repeat():
    ids = [new_id() for _ in range(10_000)]

    assert len(set(ids)) == len(ids)
    assert max(ids) < 2**63
