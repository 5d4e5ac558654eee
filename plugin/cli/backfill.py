"""Run or follow a store's backfill on a terminal, with a progress bar for each stage."""

import time

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from plugin.errors import RegularsError
from plugin.jobs import Progress as SliceProgress
from plugin.jobs import run_slice
from plugin.sync import backfill
from storage import backfills, shops
from storage.backfills import ENDED_STATES, Backfill, BackfillState
from storage.engine import db
from storage.shops import Shop

POLL_INTERVAL_S = 0.5
SLICE_SECONDS = 1.0  # of work between two looks at the bars


def choose_shop(domain: str) -> Shop:
    """The store with this domain; without one, the only store that there is.

    Raises:
        RegularsError: it is not installed, or there are several to choose from.
    """
    with db.reading() as session:
        installed = shops.installed_domains(session)
        if domain:
            found = shops.shop_by_domain(session, domain)
        elif len(installed) == 1:
            found = shops.get_shop(session, next(iter(installed.values())))
        elif not installed:
            raise RegularsError("No store installed yet.")
        else:
            names = ", ".join(sorted(installed))
            raise RegularsError(f"Choose a store with --shop: {names}.")
    if found is None or found.domain not in installed:
        raise RegularsError(f"Regulars is not installed on {domain}.")
    return found


def run_backfill(shop: Shop, *, again: bool = False) -> None:
    """Run a store's backfill here, or follow the process that runs it already.

    Raises:
        RegularsError: a stage failed.
    """
    if again:
        with db.transaction() as session:
            backfills.delete_backfill(session, shop.id)
    backfill.begin_backfill(shop.id)
    columns = (TextColumn("{task.description:10}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, TimeElapsedColumn()) as bars:
        rows = {stage: bars.add_task(stage, total=1.0, words="") for stage in backfill.STAGES}
        while True:
            progress = run_slice(backfill.SLICE_JOB, shop.id, SLICE_SECONDS)
            stages = _stages(shop.id)
            for each in stages:
                bars.update(rows[each.stage], completed=each.share, words=_words(each))
            if all(each.state in ENDED_STATES for each in stages):
                break
            if progress is SliceProgress.DONE:
                time.sleep(POLL_INTERVAL_S)
    if failed := [
        f"{each.stage}: {each.error}" for each in stages if each.state == BackfillState.FAILED
    ]:
        raise RegularsError(" ".join(failed))


def _stages(shop_id: int) -> list[Backfill]:
    with db.reading() as session:
        return list(backfills.stages_of(session, shop_id))


def _words(stage: Backfill) -> str:
    state_text = f"{stage.done:,} of {stage.total:,}" if stage.total else stage.state
    return f"{state_text}  {stage.error}".rstrip()
