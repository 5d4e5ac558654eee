"""Home: a shop's last 30 days against the 30 before: what it sold and what its messages earned."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.home import backfill
from admin_ui.kit import charts, links, words
from admin_ui.kit.charts import Chart
from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from admin_ui.settings import reconciliation, waiting_mails
from plugin import clock, jobs
from plugin.messages.sender import proof_of
from plugin.settings import get_settings
from plugin.shopify.install import scopes
from plugin.texts import N_
from storage import (
    attributions,
    backfills,
    consent,
    events,
    failed_webhooks,
    flows,
    forms,
    messages,
    orders,
    profiles,
    reconciliations,
)
from storage.engine import db
from storage.flows import FlowStatus
from storage.forms import FormStatus
from storage.shops import Shop

TITLE = N_("Home")
DAYS = 30
FEED = 12
FEED_READ = 60  # an order is several events, and the feed shows one


@dataclass(frozen=True)
class Figures:
    """What a shop did between two moments. Money is in minor units of the shop's currency."""

    revenue: int
    orders: int
    earned: int
    profiles: int
    subscribers: int
    sent: int

    @property
    def share(self) -> float:
        """How much of the revenue our messages earned."""
        return self.earned / self.revenue if self.revenue > 0 else 0.0


@dataclass(frozen=True)
class FlowLine:
    """One of the flows that earned most."""

    id: int
    name: str
    sent: int
    orders: int
    earned: int


@dataclass(frozen=True)
class Task:
    """One thing to do before the product works for a shop, and where to do it."""

    done: bool
    title: str
    why: str
    link: str
    action: str
    outside: bool = False


@page("/", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the last 30 days."""
    return _page(visit)


@page("/past", title=TITLE, method="POST", personal=True)
def read_past_again(visit: AdminRequest) -> Response:
    """Read once more what Shopify did not let us read."""
    with db.transaction() as session:
        backfills.retry_stages(session, visit.shop.id, clock.now())
    jobs.enqueue("backfill", visit.shop.id)
    return _page(visit, visit.say.text("Import resumed."))


def _page(visit: AdminRequest, toast: str = "") -> Response:
    say, shop = visit.say, visit.shop
    now = clock.now()
    edges = charts.last_days(DAYS, now, say)
    before = edges[0] - timedelta(days=DAYS)
    with db.reading() as session:
        figures = count(session, shop.id, edges[0], now)
        earlier = count(session, shop.id, before, before + (now - edges[0]))
        chart = revenue_chart(session, shop.id, edges, say)
        best = best_flows(session, shop.id, edges[0], now)
        feed = latest(session, shop.id, say)
        todo = tasks(session, shop, say)
        reading = backfill.read_progress(session, shop.id, say)
        silent = reconciliation.silence(reconciliations.of_shop(session, shop.id), say)
        unsent = waiting_mails.sentences(session, shop.id, say)
    with db.inbox_reading() as inbox_session:
        quarantined = failed_webhooks.count_quarantined(inbox_session, shop.id)
    return visit.page(
        "home/page.html",
        toast=toast,
        path="/",
        figures=figures,
        earlier=earlier,
        chart_drawn=chart,
        attribution_days=get_settings().attribution_days,
        flows=best,
        feed=feed,
        tasks=todo,
        quarantined=quarantined,
        missing=scopes.missing_scopes(shop),
        grant=links.grant(shop),
        past=reading,
        silent=silent,
        unsent=unsent,
    )


def count(session: Session, shop_id: int, since: datetime, until: datetime) -> Figures:
    """A shop's figures between two moments."""
    sold, revenue = orders.order_totals(session, shop_id, since, until)
    earned = attributions.earned_by_flow(session, shop_id, since, until)
    return Figures(
        revenue=revenue,
        orders=sold,
        earned=sum(amount for _, amount in earned.values()),
        profiles=profiles.count_new(session, shop_id, since, until),
        subscribers=consent.count_new(session, shop_id, since, until),
        sent=messages.count_sent(session, shop_id, since, until),
    )


def revenue_chart(session: Session, shop_id: int, edges: list[datetime], say: Language) -> Chart:
    """Revenue by day, and the part of it that messages earned."""
    sold = orders.order_totals_by_day(session, shop_id, edges)
    earned = attributions.earned_by_day(session, shop_id, edges)
    days = range(len(edges) - 1)
    return charts.by_day(
        say.text("Revenue by day"),
        (say.text("Total revenue"), say.text("Revenue from emails")),
        [edge.date() for edge in edges[:-1]],
        [sold.get(day, (0, 0))[1] for day in days],
        part=[earned.get(day, (0, 0))[1] for day in days],
        say=say,
        write=say.money,
        short=say.short_money,
    )


def best_flows(
    session: Session, shop_id: int, since: datetime, until: datetime, *, limit: int = 5
) -> list[FlowLine]:
    """The flows that earned most, then those that sent most."""
    earned = attributions.earned_by_flow(session, shop_id, since, until)
    sent = messages.count_sent_by_flow(session, shop_id, since, until)
    lines = [
        FlowLine(flow.id, flow.name, sent.get(flow.id, 0), *earned.get(flow.id, (0, 0)))
        for flow in flows.flows_of(session, shop_id)
    ]
    used = [line for line in lines if line.sent or line.earned]
    return sorted(used, key=lambda line: (-line.earned, -line.sent))[:limit]


def latest(session: Session, shop_id: int, say: Language) -> list[tuple[int, str, datetime]]:
    """What happened last: (profile id, sentence, moment)."""
    told = [
        event
        for event in events.latest_events(session, shop_id, FEED_READ)
        if event.metric != "Ordered Product"
    ][:FEED]
    people = profiles.profiles_by_id(session, shop_id, [event.profile_id for event in told])
    return [
        (e.profile_id, words.event_sentence(e, people.get(e.profile_id), say), e.occurred_at)
        for e in told
    ]


def tasks(session: Session, shop: Shop, say: Language) -> list[Task]:
    """What a new shop still has to do; empty when all is done."""
    seen = forms.form_totals(session, shop.id, shop.installed_at.date())
    popup = next(iter(forms.forms_of(session, shop.id)), None)
    popup_live = any(form.status == FormStatus.LIVE for form in forms.forms_of(session, shop.id))
    welcomes = [f for f in flows.flows_of(session, shop.id) if f.trigger.startswith("list:")]
    todo = [
        Task(
            proof_of(session, shop) is not None and bool(shop.postal_address),
            say.text("Set your sender"),
            say.text(
                "Customers open emails from names they know. Marketing emails must include a "
                "postal address."
            ),
            "/settings",
            say.text("Set sender"),
        ),
        Task(
            any(welcome.status == FlowStatus.LIVE for welcome in welcomes),
            say.text("Turn on the welcome flow"),
            say.text("New subscribers get the first email within seconds."),
            f"/flows/{welcomes[0].id}" if welcomes else "/flows",
            say.text("Open flow"),
        ),
        Task(
            popup_live,
            say.text("Turn on the sign-up form"),
            say.text("It asks one question and for an email, and personalizes the first email."),
            f"/forms/{popup.id}" if popup else "/forms",
            say.text("Open form"),
        ),
        Task(
            bool(seen),
            say.text("Turn on the app embed in your theme"),
            say.text(
                "The form appears in your store once the app embed is on. This step "
                "completes when the first visitor sees the form."
            ),
            links.embed(shop),
            say.text("Open theme editor"),
            outside=True,
        ),
        Task(
            consent.count_subscribers(session, shop.id) > 0,
            say.text("Get your first subscriber"),
            say.text("Open your store as a visitor and sign up with your own email."),
            links.storefront(shop),
            say.text("Open store"),
            outside=True,
        ),
    ]
    return [] if all(task.done for task in todo) else todo
