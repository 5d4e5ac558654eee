"""Import a file on a terminal, with a progress bar."""

import time
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from plugin.errors import RegularsError
from plugin.imports import lifecycle
from plugin.imports.columns import ColumnKind
from plugin.imports.dates import parse_date
from plugin.jobs import Progress as SliceProgress
from plugin.jobs import run_slice
from plugin.sheets import files, problems
from storage import imports
from storage.channels import STOREFRONT_CHANNELS
from storage.engine import db
from storage.imports import ENDED_STATES, Import, ImportState, ProblemCode
from storage.lists import lists_of
from storage.shops import Shop

POLL_INTERVAL_S = 0.5
SLICE_SECONDS = 1.0  # of work between two looks at the bar


def import_file(
    shop: Shop,
    path: Path,
    *,
    named: dict[str, str],
    list_name: str = "",
    channels: tuple[str, ...] = (),
    where: str = "",
    on: str = "",
    properties: bool = False,
    starts_flows: bool = False,
) -> Import:
    """Import a file here, or follow the process that imports it already.

    Args:
        named: fields by the names of columns, where the guess is wrong.
        channels: on which of `STOREFRONT_CHANNELS` every person in the file agreed.
        where: the place where they agreed, and `on` the day (ISO 8601).
        properties: unknown columns become properties.

    Raises:
        RegularsError: the file is refused, or the declaration is invalid.
    """
    unknown = {*named.values()} - {*ColumnKind} | {*channels} - {*STOREFRONT_CHANNELS}
    if unknown:
        raise RegularsError(f"Unknown field or channel: {', '.join(sorted(unknown))}.")
    if channels and not (where and parse_date(on)):
        raise RegularsError("Add where and when people opted in: --where, --on 2026-11-21.")
    held = lifecycle.begin_upload(shop.id, path.name, path.stat().st_size)
    try:
        _copy(held, path)
        lifecycle.finish_upload(held)
        held.mapping = _mapping(held, named, properties)
        held.declaration = {"channels": list(channels), "where": where, "on": on}
        held.starts_flows = starts_flows
        held.list_id = list_named(shop, list_name)
        lifecycle.start_import(held, "" if held.list_id else list_name)
    except BaseException:  # on Ctrl-C, too: no personal data stays behind
        lifecycle.discard_import(shop.id, held.id)
        raise
    return _watch(held)


def _copy(held: Import, path: Path) -> None:
    at = 0
    with path.open("rb") as file:
        while piece := file.read(files.MAX_PIECE_BYTES):
            at = lifecycle.append_upload(held, at, piece)


def _mapping(held: Import, named: dict[str, str], properties: bool) -> list[str]:
    if strange := {*named} - {*held.columns}:
        raise RegularsError(f"Column not found: {', '.join(sorted(strange))}.")
    taken = {*named.values()}
    found = [
        named.get(name, ColumnKind.NOTHING if kind in taken else kind)
        for name, kind in zip(held.columns, held.mapping, strict=True)
    ]
    return [kind or (ColumnKind.PROPERTY if properties else kind) for kind in found]


def list_named(shop: Shop, name: str) -> int | None:
    """The id of the list with this name, if there is one."""
    with db.reading() as session:
        return next((each.id for each in lists_of(session, shop.id) if each.name == name), None)


def _watch(held: Import) -> Import:
    bar = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*bar, TimeElapsedColumn()) as shown:
        task = shown.add_task(held.file_name, total=1.0, words="")
        while True:
            progress = run_slice(lifecycle.SLICE_JOB, held.shop_id, SLICE_SECONDS)
            with db.reading() as session:
                now = imports.get_import(session, held.shop_id, held.id)
            if now is None:
                raise RegularsError(problems.SENTENCES[ProblemCode.GONE])
            shown.update(task, completed=now.share, words=f"{now.rows:,}")
            if now.state in ENDED_STATES:
                break
            if progress is SliceProgress.DONE:
                time.sleep(POLL_INTERVAL_S)
    if now.state == ImportState.FAILED:
        raise RegularsError(problems.SENTENCES[now.error])
    return now
