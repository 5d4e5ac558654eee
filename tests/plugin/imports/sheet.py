"""A merchant's file, taken in as the admin does it."""

from typing import Any

from plugin.imports import lifecycle
from plugin.imports.columns import ColumnKind
from plugin.jobs import Progress, run_slice
from storage import consent, imports
from storage.engine import db
from storage.imports import Import
from storage.lists import Membership
from storage.profiles import Profile
from storage.shops import Shop


def upload(shop: Shop, body: bytes, piece: int = 1000, name: str = "people.csv") -> Import:
    """Bring a file in pieces; it is ready to be read."""
    held = lifecycle.begin_upload(shop.id, name, len(body))
    for at in range(0, len(body), piece):
        lifecycle.append_upload(held, at, body[at : at + piece])
    lifecycle.finish_upload(held)
    return held


def take_in(
    shop: Shop,
    body: bytes | str,
    *,
    name: str = "people.csv",
    list_name: str = "",
    properties: bool = False,
    **said: Any,
) -> Import:
    """Bring a file and read it to its end; the import as it is then."""
    held = upload(shop, body if isinstance(body, bytes) else body.encode(), name=name)
    if properties:
        held.mapping = [kind or ColumnKind.PROPERTY for kind in held.mapping]
    held.declaration = said
    return run(shop, held, list_name)


def run(shop: Shop, held: Import, list_name: str = "") -> Import:
    """Read a file with matched columns to its end; the import as it is then."""
    lifecycle.start_import(held, list_name)
    return finish(shop, held)


def finish(shop: Shop, held: Import) -> Import:
    """Work until nothing is due; the import as it is then."""
    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass
    with db.reading() as session:
        found = imports.get_import(session, shop.id, held.id)
    assert found is not None
    return found


def flaws_of(held: Import) -> list[tuple[int, int, str]]:
    """Every flaw of an import."""
    with db.reading() as session:
        return imports.problems_of(session, held.shop_id, held.id, (0, -2), limit=1_000_000)


def rows(model: Any, shop: Shop) -> list[Any]:
    """All of a shop's rows of one table."""
    table = model.__table__
    with db.reading() as session:
        found = session.connection().execute(table.select().where(table.c.shop_id == shop.id))
        return list(found)


def people(shop: Shop) -> dict[str, Any]:
    """Profiles by email or phone."""
    return {row.email or row.phone: row for row in rows(Profile, shop)}


def members(shop: Shop, list_id: int | None) -> set[str]:
    """Who is on a list, by email or phone."""
    known = {row.id: name for name, row in people(shop).items()}
    return {known[m.profile_id] for m in rows(Membership, shop) if m.list_id == list_id}


def state(shop: Shop, address: str, channel: str = "email") -> str | None:
    """What an address allows."""
    with db.reading() as session:
        return consent.consent_state(session, shop.id, channel, address)
