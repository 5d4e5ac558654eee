"""The stores: topics that bring nothing, webhooks that could not be read, and work that is late."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from plugin import clock
from plugin.cli.doctor.findings import Finding, failed, ok, warning
from storage import failed_webhooks, reconciliations, workload
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState
from storage.shops import Shop

LATE_AFTER = timedelta(minutes=2)


def examine_stores(installed: Sequence[Shop]) -> Iterator[Finding]:
    """What Shopify brings to each store."""
    if not installed:
        yield ok("stores", "None is installed yet")
    for shop in installed:
        with db.reading() as session:
            rows = reconciliations.of_shop(session, shop.id)
        with db.inbox_reading() as session:
            unread = failed_webhooks.count_quarantined(session, shop.id)
        if silent := sorted({topic for row in rows for topic in row.inactive_topics}):
            yield failed(
                "webhooks",
                f"{shop.domain}: Shopify brings nothing of {', '.join(silent)}. Run `regulars "
                "manifest`, then `shopify app deploy`; see that its customer data are approved.",
            )
        if unread:
            yield warning(
                "webhooks",
                f"{shop.domain}: {unread:,} could not be read. Run `regulars retry --list`.",
            )
        if not silent and not unread:
            yield ok("webhooks", f"{shop.domain}: every topic brings what it should")


def examine_work() -> Iterator[Finding]:
    """Whether what is due is done."""
    now = clock.now()
    with db.reading() as session:
        steps = workload.due_rows(session, Enrolment, EnrolmentState.WAITING, now)
        messages = workload.due_messages(session, now, now - LATE_AFTER)
    with db.inbox_reading() as session:
        deliveries = workload.new_deliveries(session)
    backlogs = (steps.oldest, deliveries.oldest, *(each.oldest for each in messages))
    oldest = [at for at in backlogs if at]
    late = max((now - at for at in oldest), default=timedelta())
    if late > LATE_AFTER:
        minutes = late.total_seconds() / 60
        yield failed(
            "work",
            f"What is due waits for {minutes:,.0f} minutes. Start `regulars serve`, or its clock, "
            "workers and senders.",
        )
    else:
        yield ok("work", "Nothing that is due waits")
