"""Merchants' files. In: everything that somebody is known by. Out: her rows, told or blanked."""

from collections.abc import Iterator

from plugin import clock
from plugin.privacy.deliveries import Needles
from plugin.sheets import files
from plugin.sheets import problems as flaws
from storage import imports
from storage.engine import db
from storage.imports import FAILED, UPLOADING, Import
from storage.privacy_requests import Whom


def found(shop_id: int, whom: Whom) -> Iterator[str]:
    """The rows that name her, as they stand in the files."""
    is_hers = Needles(whom).named_in
    for held in _held(shop_id):
        if held.encoding:
            path = files.path_of(shop_id, held.id)
            yield from files.rows_of(path, held.encoding, held.delimiter, is_hers)


def blank(shop_id: int, whom: Whom) -> None:
    """Overwrite the rows that name her. A file that is still coming in is not read yet: it goes."""
    is_hers = Needles(whom).named_in
    for held in _held(shop_id):
        if held.encoding:
            path = files.path_of(shop_id, held.id)
            files.blank(path, held.encoding, held.delimiter, is_hers)
        elif held.state == UPLOADING:
            _give_up(held)


def _held(shop_id: int) -> list[Import]:
    with db.reading() as session:
        every = imports.imports_of(session, shop_id, limit=None)
    return [held for held in every if files.path_of(shop_id, held.id).exists()]


def _give_up(held: Import) -> None:
    over = {"state": FAILED, "error": flaws.CUT_OFF, "finished_at": clock.now()}
    with db.transaction() as session:
        imports.advance(session, held, **over, expires_at=None)
    files.drop(held.shop_id, held.id)
