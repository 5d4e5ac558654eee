"""S09: a shop sees its own things alone: on every route, by every id, in every query."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Select, event, true
from sqlalchemy import select as columns
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression
from sqlmodel import SQLModel

from admin_ui.app import routes
from plugin.ingest.digest import digest_deliveries
from storage import arrivals, tables
from storage.engine import db
from storage.engine.tenant_guard import MissingShopError, require_shop
from storage.shops import Shop
from tests.attacks.ways import filled_in, parameters, ways
from tests.story import Story

BY_ID = [path for _, path in ways(routes(), "GET") if parameters(path)]
LISTS = [path for _, path in ways(routes(), "GET") if not parameters(path)]
ACTS = [path for _, path in ways(routes(), "POST")]
PUBLIC = {"/static/admin/{digest}/{name}", "/preview/{key}", "/{rest:path}"}  # of no shop
OURS = ("Maya", "Okafor", "maya.okafor", "Dewpoint", "dewpoint", "203.0.113.42")


def ids_of(shop_id: int) -> list[str]:
    """An id of each kind of thing that a shop has."""
    found = []
    with db.reading() as main, db.inbox_reading() as apart:
        for table in SQLModel.metadata.sorted_tables:
            if "shop_id" not in table.c:
                continue
            session = apart if table.name in tables.INBOX_TABLES else main
            keys = [c for c in table.primary_key if c.name != "shop_id"]
            if keys:
                some = columns(*keys).where(table.c.shop_id == shop_id).limit(2)
                rows = session.connection().execute(some)
                found += [str(value) for row in rows for value in row]
    return sorted({each for each in found if each})


@pytest.fixture
def at_home(other: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the merchant of another shop, which is installed well enough."""
    monkeypatch.setattr("admin_ui.kit.auth.onboard.ensure_installed", lambda domain, token: 0)
    return other


@pytest.mark.parametrize("path", [path for path in BY_ID if path not in PUBLIC])
def test_s09_no_route_shows_another_shop_by_any_id(merchant, at_home, shop, filled, path):
    ids = ids_of(shop.id)
    assert len(ids) > 20
    # Of two places each with each: the things that have a name, for all would be too many.
    known = ids if len(parameters(path)) == 1 else [*map(str, filled.values()), "1"]
    shown = 0
    for place in filled_in(path, known):
        shown += merchant.fetch(place).status_code == 200
        for answer in (at_home.fetch(place), at_home.open(place)):
            assert answer.status_code == 404, place
            assert not [word for word in OURS if word in answer.text], place
    assert shown or path == "/settings/privacy/{request_id}"  # this shop has no such request


@pytest.mark.parametrize("path", ACTS)
def test_s09_no_act_reaches_into_another_shop(merchant, at_home, shop, filled, path):
    before = rows_of(shop.id)

    for place in filled_in(path, ids_of(shop.id) if len(parameters(path)) == 1 else ["1"]):
        answer = at_home.post(place, status="draft", sender_name="Evil", do="x")
        assert answer.status_code in ((404,) if parameters(path) else (200, 404, 422)), place

    assert rows_of(shop.id) == before


def rows_of(shop_id: int) -> dict[str, list[Any]]:
    """Everything that a shop has."""
    found: dict[str, list[Any]] = {}
    with db.reading() as main, db.inbox_reading() as apart:
        for table in SQLModel.metadata.sorted_tables:
            if not {"shop_id", "id"} & set(table.c.keys()):
                continue  # of no shop's
            session = apart if table.name in tables.INBOX_TABLES else main
            key = table.c.shop_id if "shop_id" in table.c else table.c.id
            asked = columns(table).where(key == shop_id).order_by(*table.primary_key)
            found[table.name] = list(map(tuple, session.connection().execute(asked)))
    return found


@pytest.mark.parametrize(
    "path", [path for _, path in ways(routes(), "GET") if not parameters(path)]
)
def test_s09_no_list_names_anything_of_another_shop(at_home, filled, path):
    opened, searched = at_home.open(path), at_home.fetch(path, params={"q": "a"})
    if path == "/past":  # a part of the home page, to which it leads when it is opened by hand
        opened = at_home.client.get(opened.headers["Location"])
    for answer in (opened, at_home.fetch(path), searched):
        assert answer.status_code == 200 or path.startswith("/auth"), path
        assert not [word for word in OURS if word in answer.text], path


def twin_of(shop: Shop, filled: dict[str, int], other_id: int) -> None:
    """Give another shop the same rows under the same ids, with another shopper in them."""
    both_shops = {"all_shops": "this test"}
    with db.transaction() as main, db.inbox_transaction() as apart:
        for session in (main, apart):
            session.connection(execution_options=both_shops)
        for table in SQLModel.metadata.sorted_tables:
            if "shop_id" not in table.c:
                continue
            session = apart if table.name in tables.INBOX_TABLES else main
            rows = session.connection().execute(columns(table).where(table.c.shop_id == shop.id))
            twins = [
                renamed(dict(row._mapping)) | {"shop_id": other_id} | apart_of(row) for row in rows
            ]
            if twins:
                session.connection().execute(table.insert(), twins)


def apart_of(row: Any) -> dict[str, int]:
    """Return other numbers of arrivals, which are the installation's and not a shop's."""
    names = ("arrival_id",) if "arrival_id" in row._mapping else ()
    names = ("id",) if "triggered_at" in row._mapping else names
    return {name: row._mapping[name] + 1_000_000 for name in names}


def renamed(value: Any) -> Any:
    """Return the same object with another person's names."""
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    if isinstance(value, str):
        for ours, theirs in (("Maya", "Zora"), ("Okafor", "Quist"), ("maya.okafor", "zora.quist")):
            value = value.replace(ours, theirs)
    return value


def test_s09_two_shops_with_the_same_ids_keep_apart(merchant, at_home, shop, filled, pages):
    with db.reading() as session:
        (other_id,) = set(
            db.across_shops(session, columns(Shop.__table__.c.id), "this test").scalars()
        ) - {shop.id}
    twin_of(shop, filled, other_id)

    seen = {"ours": "", "theirs": ""}
    for path in pages():
        ours, theirs = merchant.fetch(path), at_home.fetch(path)
        assert (ours.status_code, theirs.status_code) == (200, 200), path
        assert "Zora" not in ours.text, path
        assert "Maya" not in theirs.text, path
        seen["ours"] += ours.text
        seen["theirs"] += theirs.text
    assert "Maya Okafor" in seen["ours"]
    assert "Zora Quist" in seen["theirs"]


@contextmanager
def heard() -> Iterator[dict[str, Any]]:
    """Every statement that runs inside the block, once, but for those meant for every shop."""
    found: dict[str, Any] = {}

    def hear(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        if context.compiled is not None and not context.execution_options.get("all_shops"):
            found[sql] = context.compiled.statement

    engines = (db.engine(), db.inbox_engine())
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)


def conditions(statement: Any) -> list[BinaryExpression[Any]]:
    """Each comparison of a shop_id in a statement."""
    return [
        part
        for part in visitors.iterate(statement)
        if isinstance(part, BinaryExpression) and getattr(part.left, "name", "") == "shop_id"
    ]


def without(statement: Any, condition: BinaryExpression[Any]) -> Any:
    """Return the statement as it would be without this condition."""
    return visitors.replacement_traverse(
        statement, {}, lambda part, **_: true() if part is condition else None
    )


def test_s09_every_query_of_ours_is_refused_without_any_one_of_its_shops(
    merchant, shop, filled, pages
):
    story = Story()
    for number in range(6):
        story.journey(number)
    with heard() as statements:
        for path in pages():
            assert merchant.open(path).status_code == 200
        for delivery in story.deliveries():
            arrival = arrivals.NewDelivery(
                shop.id, delivery.headers["X-Shopify-Webhook-Id"], delivery.topic, "", "",
                story.at, delivery.body,
            )  # fmt: skip
            arrivals.add_deliveries([arrival])
        digest_deliveries()
    mutants = 0
    for statement in statements.values():
        selects = sum(isinstance(part, Select) for part in visitors.iterate(statement))
        found = conditions(statement)
        for condition in found:
            mutants += 1
            try:
                require_shop(without(statement, condition), SQLModel.metadata)
            except MissingShopError:
                continue
            # Said twice: what is left binds every table still.
            assert len(found) > selects, statement
    assert mutants > 60
