"""Find and redact a data subject's rows in merchants' import files."""

from collections.abc import Iterator

from plugin import clock
from plugin.privacy.subject_matcher import SubjectMatcher
from plugin.sheets import files
from storage import imports
from storage.engine import db
from storage.imports import Import, ImportState, ProblemCode
from storage.privacy_requests import DataSubject


def find_rows(shop_id: int, subject: DataSubject) -> Iterator[str]:
    """Yield the rows that name the data subject, as they stand in the files."""
    is_match = SubjectMatcher(subject).matches_row
    for held in _held(shop_id):
        if held.encoding:
            path = files.path_of(shop_id, held.id)
            yield from files.matching_rows(path, held.encoding, held.delimiter, is_match)


def redact_rows(shop_id: int, subject: DataSubject) -> None:
    """Overwrite the rows that name the data subject. A file still being uploaded is deleted."""
    is_match = SubjectMatcher(subject).matches_row
    for held in _held(shop_id):
        if held.encoding:
            path = files.path_of(shop_id, held.id)
            files.blank_rows(path, held.encoding, held.delimiter, is_match)
        elif held.state == ImportState.UPLOADING:
            _give_up(held)


def _held(shop_id: int) -> list[Import]:
    with db.reading() as session:
        every = imports.imports_of(session, shop_id, limit=None)
    return [held for held in every if files.path_of(shop_id, held.id).exists()]


def _give_up(held: Import) -> None:
    over = {"state": ImportState.FAILED, "error": ProblemCode.CUT_OFF, "finished_at": clock.now()}
    with db.transaction() as session:
        imports.save_progress(session, held, **over, expires_at=None)
    files.delete_file(held.shop_id, held.id)
