"""S09, in the database: a query on a shop's table that forgets its shop raises, however written."""

import pytest
from sqlalchemy import and_, column, delete, not_, or_, table, text, update
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col, select

from storage.engine import db
from storage.engine.tenant_guard import MissingShopError, require_shop
from storage.events import Event
from storage.profiles import Identity, Profile
from storage.shops import Shop

HERE = col(Profile.shop_id) == 1
ALIKE = col(Event.shop_id) == col(Profile.shop_id)
HERS = col(Event.profile_id) == col(Profile.id)
ANOTHER = aliased(Profile)

FORGETFUL = {
    "select": select(Profile),
    "by another column": select(Profile).where(Profile.email == "a@b.example"),
    "joined without its shop": select(Profile).join(Event, HERS).where(HERE),
    "two tables without a join": columns(col(Profile.id), col(Event.id)).where(HERE, HERS),
    "the same table twice": select(Profile).join(ANOTHER, ANOTHER.id == Profile.id).where(HERE),
    "shop in one side of an or": select(Profile).where(or_(HERE, col(Profile.email) == "x")),
    "any shop but one": select(Profile).where(not_(HERE)),
    "all but a shop and more": select(Profile).where(not_(and_(HERE, col(Profile.id) == 1))),
    "in a subquery": select(Profile).where(HERE, col(Profile.id).in_(select(Identity.profile_id))),
    "its own shop": select(Profile).where(col(Profile.shop_id) == col(Profile.shop_id)),
    "in all shops": select(Profile).where(col(Profile.shop_id).in_(select(Shop.id))),
    "in a shop by its domain": select(Profile).where(
        col(Profile.shop_id) == select(Shop.id).where(Shop.domain == "x").scalar_subquery()
    ),
    "joined to all shops": select(Profile).join(Shop, col(Shop.id) == Profile.shop_id),
    "joined to a list of all shops": select(Profile).join(
        shops := columns(col(Shop.id).label("shop_id")).subquery(),
        shops.c.shop_id == col(Profile.shop_id),
    ),
    "bound after ON of a left join alone": select(Profile).outerjoin(
        Event, and_(HERE, ALIKE, HERS)
    ),
    "bound to the right side of a left join": select(Profile).outerjoin(
        Event, and_(ALIKE, HERS, col(Event.shop_id) == 1)
    ),
    "bound after ON of a full join": select(Profile).join(
        Event, and_(HERE, ALIKE, HERS), full=True
    ),
    "update": update(Profile).values(email=None),
    "update from another table": update(Profile).where(HERE, HERS).values(email=None),
    "update with another table's value": update(Profile)
    .where(HERE, HERS)
    .values(email=col(Event.metric)),
    "delete": delete(Profile).where(col(Profile.id) == 1),
    "a table by its name": columns(column("id")).select_from(table("profile", column("id"))),
    "text": text("SELECT * FROM profile"),
    "text that shows the shop": text("SELECT shop_id FROM profile"),
    "text in small letters": text("select * from Profile"),
    "text with a WITH": text("WITH all_of AS (SELECT * FROM profile) SELECT * FROM all_of"),
    "text in brackets": text("(SELECT id FROM profile) UNION (SELECT id FROM profile)"),
    "text after a comment": text("/* shop_id = 1 */ SELECT * FROM profile"),
    "text after a line of comment": text("-- shop_id = 1\nSELECT * FROM profile"),
    "text that explains": text("EXPLAIN SELECT * FROM profile"),
    "text that inserts what it reads": text("INSERT INTO list SELECT * FROM list"),
    "text in a select": columns(text("email FROM profile")),
}  # fmt: skip


@pytest.mark.parametrize("statement", FORGETFUL.values(), ids=FORGETFUL.keys())
def test_s09_a_forgotten_shop_raises(database, statement):
    with pytest.raises(MissingShopError), db.transaction() as session:
        session.connection().execute(statement)


def test_s09_a_delete_that_uses_a_table_without_its_shop_raises():
    """SQLite knows none: so it is asked of the guard alone."""
    with pytest.raises(MissingShopError):
        require_shop(delete(Profile).where(HERE, HERS), SQLModel.metadata)
    require_shop(delete(Profile).where(HERE, HERS, ALIKE), SQLModel.metadata)


MINDFUL = {
    "by value": select(Profile).where(HERE),
    "by one of one": select(Profile).where(col(Profile.shop_id).in_([1])),
    "the other side of a join": select(Profile).join(Event, ALIKE & HERS).where(Event.shop_id == 1),
    "a left join": select(Profile).outerjoin(Event, and_(ALIKE, HERS)).where(HERE),
    "a left join to what is bound in its ON": select(Profile)
    .outerjoin(Event, and_(col(Event.shop_id) == 1, HERS))
    .where(HERE),
    "joined to a subquery of one shop": select(Profile).join(
        hers := columns(col(Event.shop_id)).where(col(Event.shop_id) == 1).subquery(),
        hers.c.shop_id == col(Profile.shop_id),
    ),
    "update from a bound table": update(Profile).where(HERE, HERS, ALIKE).values(email=None),
    "text": text("/* all of one shop */ SELECT * FROM profile WHERE shop_id = 1"),
}


@pytest.mark.parametrize("statement", MINDFUL.values(), ids=MINDFUL.keys())
def test_s09_a_query_that_names_its_shop_runs(database, statement):
    with db.transaction() as session:
        session.connection().execute(statement)


def test_s09_work_for_every_shop_says_so(database):
    with db.reading() as session:
        assert db.across_shops(session, select(Profile), "this test").all() == []
