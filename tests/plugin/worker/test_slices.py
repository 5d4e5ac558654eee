"""Slices: each shop's work goes on, in one worker at a time, and no shop holds up another."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlmodel import Session

from plugin import jobs
from plugin.jobs import Progress, SliceJob, run_slice
from plugin.worker import actors, scheduler, senders
from plugin.worker.slices import SLICE_JOBS, run_slice_and_enqueue_rest

ONE, OTHER = 1, 2


def everyone(session: Session, now: datetime) -> Sequence[int]:
    return [ONE, OTHER]


def counting(steps: list[int], last: int) -> Callable[[int], Progress]:
    """A step that notes its shop, and is done once `steps` holds so many."""

    def run_step(shop_id: int) -> Progress:
        steps.append(shop_id)
        return Progress.DONE if len(steps) >= last else Progress.MORE

    return run_step


def enqueued_in(broker: StubBroker, queue: str) -> list[int]:
    """The shops that wait in a queue, the first one first."""
    return [dramatiq.Message.decode(each).args[0] for each in list(broker.queues[queue].queue)]


def test_a_slice_goes_on_until_nothing_is_left(sqlite: str) -> None:
    steps: list[int] = []

    progress = run_slice(SliceJob("lists", counting(steps, 3), everyone), ONE)

    assert progress is Progress.DONE
    assert steps == [ONE] * 3


def test_what_a_slice_left_waits_behind_the_slices_of_other_shops(
    sqlite: str, broker: StubBroker
) -> None:
    steps: list[int] = []
    job = SliceJob("lists", counting(steps, 9), everyone, slice_seconds=0.0)
    jobs.enqueue("lists", OTHER)

    run_slice_and_enqueue_rest(job, ONE)

    assert steps == [ONE]
    assert enqueued_in(broker, "lists") == [OTHER, ONE]


def test_what_the_clock_is_to_find_again_is_not_enqueued(sqlite: str, broker: StubBroker) -> None:
    steps: list[int] = []
    job = SliceJob(
        "retention", counting(steps, 9), everyone, slice_seconds=0.0, enqueues_rest=False
    )

    run_slice_and_enqueue_rest(job, ONE)

    assert steps == [ONE]
    assert enqueued_in(broker, "retention") == []


def test_a_shop_is_left_to_the_worker_that_has_it_and_other_shops_are_not(database: str) -> None:
    inside, let_go = threading.Event(), threading.Event()
    steps: list[int] = []

    def run_step(shop_id: int) -> Progress:
        steps.append(shop_id)
        if shop_id == ONE:
            inside.set()
            let_go.wait(10)
        return Progress.DONE

    job = SliceJob("lists", run_step, everyone)
    first = threading.Thread(target=run_slice, args=(job, ONE))
    first.start()
    try:
        assert inside.wait(10)
        assert run_slice(job, ONE) is Progress.DONE
        assert run_slice(job, OTHER) is Progress.DONE
        assert steps == [ONE, OTHER]
    finally:
        let_go.set()
        first.join(10)


def test_a_slice_that_breaks_leaves_its_shop_to_the_next(sqlite: str) -> None:
    def breaks(shop_id: int) -> Progress:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_slice(SliceJob("lists", breaks, everyone), ONE)

    assert run_slice(SliceJob("lists", counting([], 1), everyone), ONE) is Progress.DONE


def test_a_message_of_an_earlier_release_finds_its_actor(broker: StubBroker) -> None:
    names = {"backfill", "imports", "write_back", "reconcile", "likeness", "tallies", "lists",
             "retention", "markets", "plans", "senders"}  # fmt: skip

    assert {job.name for job in SLICE_JOBS} == names
    declared = actors.SLICE_ACTORS | senders.SLICE_ACTORS
    for name in names:
        assert declared[name].queue_name == name
        assert declared[name].actor_name == name
    assert set(senders.SLICE_ACTORS) == {"senders"}, "what sends holds no worker"


def test_what_merchants_watch_is_found_within_seconds(sqlite: str) -> None:
    watched = {job.name for job in SLICE_JOBS if job.interval <= timedelta(seconds=2)}

    assert watched == {"backfill", "imports", "write_back"}


def test_the_clock_looks_at_each_job_at_its_own_interval(
    sqlite: str, broker: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = SliceJob("imports", counting([], 1), everyone, interval=timedelta(seconds=2))
    seldom = SliceJob("lists", counting([], 1), everyone)
    monkeypatch.setattr(scheduler, "SLICE_JOBS", (often, seldom))

    for ticks in range(round(62 / scheduler.TICK_S)):  # at 0, 2, 4 … 60 seconds
        scheduler.run_tick(ticks)

    assert enqueued_in(broker, "imports") == [ONE, OTHER] * 31
    assert enqueued_in(broker, "lists") == [ONE, OTHER] * 2
