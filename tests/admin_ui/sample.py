"""A shop with two months behind it, as the pages' tests and pictures want it."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin import clock
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.forms.library import use_form
from plugin.ingest import visits
from plugin.ingest.record import record_facts
from plugin.ingest.visits import PageView
from plugin.onboard import seed_library
from storage import (
    attributions,
    consent,
    events,
    forms,
    inbox,
    orders,
    profile_names,
    search,
)
from storage.arrivals import NewDelivery
from storage.attributions import Attribution
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import (
    Enrolment,
    EnrolmentState,
    FlowStatus,
    StepLog,
    StepOutcome,
    flows_of,
    get_flow_version,
)
from storage.forms import FormEvent
from storage.lists import add_member, lists_of
from storage.messages import Message
from storage.products import Product
from storage.profiles import Identity, Profile
from storage.properties import definitions_of
from storage.shops import Shop

PEOPLE = [
    ("Maya", "Okafor", "maya.okafor@example.com", "+14155550132", "US", "en-US", "hydration"),
    ("Lena", "Brandt", "lena.brandt@example.de", None, "DE", "de-DE", "sensitivity"),
    ("小雨", "陈", "xiaoyu.chen@example.cn", "+8613800138000", "CN", "zh-CN", "firmness"),
    ("Sofía", "Marín", "sofia.marin@example.es", None, "ES", "es-ES", "blemishes"),
    ("Amira", "Haddad", "amira.haddad@example.com", "+447700900123", "GB", "en-GB", "hydration"),
    ("Noah", "Kim", "noah.kim@example.com", None, "US", "en-US", "firmness"),
    (None, None, "r.takahashi@example.jp", None, "JP", "ja-JP", "sensitivity"),
    (None, None, None, None, None, None, None),
]
PRODUCTS = [
    ("Overnight Dew Mask", 4800), ("Barrier Cream", 3900), ("Rice Water Toner", 2600),
    ("Calm Serum", 5400), ("Daily Mineral SPF 50", 3200),
]  # fmt: skip


def fill(shop: Shop) -> dict[str, int]:
    """Fill a shop; ids by name for the tests that need one."""
    chance = random.Random(7)
    now = clock.now().replace(microsecond=0)
    seed_library(shop.id)
    ids = {"form": use_form(shop.id, "skincare_quiz")}
    with db.transaction() as session:
        people = [_person(session, shop, n, row, now) for n, row in enumerate(PEOPLE)]
        ids["profile"] = people[0].id
        ids["list"] = lists_of(session, shop.id)[0].id
        for flow in flows_of(session, shop.id):
            flow.status = FlowStatus.LIVE
            session.add(flow)
            ids[flow.name] = flow.id
        form = forms.get_form(session, shop.id, ids["form"])
        assert form
        form.status = FlowStatus.LIVE
        session.add(form)
        ids["skin_need"] = definitions_of(session, shop.id)["skin_need"].id
        _catalog(session, shop, now)
        sold = _orders(session, shop, people, now, chance)
        _days_of_form(session, shop, form.id, now, chance)
        _subscribe(session, shop, people, form.id, ids["list"], now)
        _messages(session, shop, people, ids, sold, now, chance)
        _story(session, shop, people[0], now)
    _quarantine(shop, now)
    return ids


def _person(session: Session, shop: Shop, n: int, row: Any, now: datetime) -> Profile:
    first, last, email, phone, country, locale, need = row
    profile = Profile(
        shop_id=shop.id,
        id=new_id(),
        email=email,
        phone=phone,
        first_name=first,
        last_name=last,
        country=country,
        locale=locale,
        properties={"skin_need": need} if need else {},
        created_at=now - timedelta(days=41 - 5 * n, hours=3),
        last_active_at=now - timedelta(minutes=4 + 700 * n),
    )
    session.add(profile)
    profile_names.save_names(session, shop.id, [profile.model_dump()], ())
    known = [("email", email), ("phone", phone), ("browser_id", f"b-{n}-6f2c81d0a94e")]
    for kind, value in known:
        if value:
            session.add(
                Identity(
                    shop_id=shop.id, kind=kind, value=value, profile_id=profile.id, linked_at=now
                )
            )
    session.flush()
    return profile


def _catalog(session: Session, shop: Shop, now: datetime) -> None:
    for n, (title, price) in enumerate(PRODUCTS):
        session.add(
            Product(
                shop_id=shop.id,
                id=9000 + n,
                title=title,
                handle=title.lower().replace(" ", "-"),
                tags=["hydration", "sensitivity"][: 1 + n % 2],
                price=price,
                updated_at=now,
                reported_at=now,
            )
        )


def _orders(
    session: Session, shop: Shop, people: list[Profile], now: datetime, chance: random.Random
) -> list[dict[str, Any]]:
    sold = []
    for n in range(96):
        at = now - timedelta(hours=14 * n + chance.randrange(12), minutes=chance.randrange(60))
        total = chance.choice([2600, 3900, 5400, 8700, 10200, 4800, 12600])
        row = {
            "shop_id": shop.id,
            "id": 5_500_000 + n,
            "profile_id": people[n % 6].id,
            "source_profile_id": None,
            "number": f"#{1096 - n}",
            "placed_at": at,
            "updated_at": at,
            "reported_at": at,
            "cancelled_at": None,
            "total": total,
            "currency": shop.currency,
            "checkout_token": None,
            "cart_token": None,
            "discount_codes": [],
            "status_url": "",
        }
        sold.append(row)
    orders.save_orders(session, sold, [])
    events.add_events(
        session,
        [
            _event(shop, row["profile_id"], "Placed Order", row["placed_at"], row["total"],
                   number=row["number"])
            for row in sold
        ],
    )  # fmt: skip
    return sold


def _event(
    shop: Shop, profile_id: int, metric: str, at: datetime, value: int | None = None, **about: Any
) -> dict[str, Any]:
    return {
        "shop_id": shop.id,
        "id": (event_id := new_id()),
        "profile_id": profile_id,
        "source_profile_id": None,
        "metric": metric,
        "unique_id": str(event_id),
        "occurred_at": at,
        "value": value,
        "currency": shop.currency if value is not None else None,
        "properties": about,
    }


def _days_of_form(
    session: Session, shop: Shop, form_id: int, now: datetime, chance: random.Random
) -> None:
    for day in range(30):
        date = now.date() - timedelta(days=day)
        for _ in range(chance.randrange(4, 14)):
            forms.count_form_event(session, shop.id, form_id, 1, day=date, kind=FormEvent.VIEWED)
        for _ in range(chance.randrange(0, 4)):
            forms.count_form_event(session, shop.id, form_id, 1, day=date, kind=FormEvent.SUBMITTED)


def _subscribe(
    session: Session, shop: Shop, people: list[Profile], form_id: int, list_id: int, now: datetime
) -> None:
    for n, one in enumerate(people[:7]):
        at = now - timedelta(days=6 * n + 1)
        add_member(session, shop.id, list_id, one.id, at=at, source=f"form:{form_id}")
        states = [ConsentState.SUBSCRIBED] + [ConsentState.UNSUBSCRIBED] * (n == 3)
        consent.record_consent(
            session,
            [
                {
                    "shop_id": shop.id,
                    "id": new_id(),
                    "dedupe_key": f"sample:{one.id}:{state}",
                    "channel": "email",
                    "address": one.email,
                    "state": state,
                    "occurred_at": at + timedelta(days=later),
                    "recorded_at": at,
                    "source": "form" if state == ConsentState.SUBSCRIBED else "one-click",
                    "profile_id": one.id,
                    "disclosure": "<p>By signing up you agree to receive our emails with skin "
                    "advice and offers. You can unsubscribe at any time.</p>",
                    "form_id": form_id,
                    "form_version": 1,
                    "page": "https://dewpoint.example/collections/all",
                    "ip": "203.0.113.42",
                    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)",
                }
                for later, state in enumerate(states)
            ],
        )


def _messages(
    session: Session,
    shop: Shop,
    people: list[Profile],
    ids: dict[str, int],
    sold: list[dict[str, Any]],
    now: datetime,
    chance: random.Random,
) -> None:
    welcome, reminder = ids["Welcome"], ids["Abandoned checkout"]
    states = ["accepted"] * 8 + ["skipped", "failed"]
    why = {"skipped": "did:Placed Order", "failed": "address_gone"}
    made: list[Message] = []
    for n in range(60):
        flow_id, action = [(welcome, "1"), (reminder, "2"), (reminder, "4")][n % 3]
        state = chance.choice(states)
        at = now - timedelta(hours=11 * n + 5)
        sent = at if state == "accepted" else None
        made.append(
            Message(
                shop_id=shop.id,
                id=new_id(),
                idempotency_key=f"sample:{n}",
                profile_id=people[n % 7].id,
                channel="email",
                address=people[n % 7].email or "",
                flow_id=flow_id,
                action_id=action,
                template_id=_template(session, shop, flow_id, action),
                subject="Welcome to Dewpoint: your 10% and where to begin"
                if flow_id == welcome
                else "You left something in your basket",
                coupon_code="WELCOME-7K2M9P" if flow_id == welcome else None,
                state=state,
                skip_reason=why.get(state, ""),
                due_at=at,
                created_at=at,
                sent_at=sent,
                opened_at=at + timedelta(hours=1) if sent and n % 2 == 0 else None,
                clicked_at=at + timedelta(hours=2) if sent and n % 4 == 0 else None,
                unsubscribed_at=at + timedelta(hours=3) if sent and n == 9 else None,
            )
        )
    session.add_all(made)
    session.flush()
    _attributions(session, shop, [message for message in made if message.sent_at], sold)
    _enrolments(session, shop, people[:5], reminder, now)


def _attributions(
    session: Session, shop: Shop, sent: list[Message], sold: list[dict[str, Any]]
) -> None:
    for n, row in enumerate(sold[::6]):
        message = sent[n * 4 % 40]
        attributions.save_attributions(
            session,
            [
                Attribution(
                    shop_id=shop.id,
                    order_id=row["id"],
                    message_id=message.id,
                    flow_id=message.flow_id,
                    action_id=message.action_id,
                    amount=row["total"],
                    currency=shop.currency,
                    at=row["placed_at"],
                ).model_dump()
            ],
        )


def _enrolments(
    session: Session, shop: Shop, people: list[Profile], reminder: int, now: datetime
) -> None:
    for n, one in enumerate(people):
        ended = n > 2
        enrolment = Enrolment(
            shop_id=shop.id,
            id=new_id(),
            flow_id=reminder,
            version=1,
            profile_id=one.id,
            trigger_key=f"sample:{n}",
            state=EnrolmentState.EXITED if ended else EnrolmentState.WAITING,
            action_id="1" if n % 2 else "3",
            due_at=now + timedelta(minutes=35 + 60 * n),
            started_at=now - timedelta(hours=1),
            entered_at=now - timedelta(hours=1),
            ended_at=now if ended else None,
            exit_reason="did:Placed Order" if ended else "",
        )
        session.add(enrolment)
        session.add(
            StepLog(
                shop_id=shop.id,
                id=new_id(),
                flow_id=reminder,
                enrolment_id=enrolment.id,
                action_id=enrolment.action_id,
                outcome=StepOutcome.EXITED if ended else StepOutcome.WAITING,
                happened_at=now,
            )
        )


def _template(session: Session, shop: Shop, flow_id: int, action_id: str) -> int:
    version = get_flow_version(session, shop.id, flow_id, 1)
    assert version
    actions = {a["id"]: a for a in version.definition["actions"]}
    return int(actions[action_id]["data"]["message"]["template_id"])


def _story(session: Session, shop: Shop, maya: Profile, now: datetime) -> None:
    told = [
        ("Active on Site", 190, None, {}),
        ("Viewed Product", 185, None, {"title": "Overnight Dew Mask"}),
        ("Viewed Product", 180, None, {"title": "Calm Serum"}),
        ("Added to Cart", 172, 4800, {"title": "Overnight Dew Mask"}),
        ("Submitted Form", 160, None, {}),
        ("Subscribed to Email Marketing", 160, None, {}),
        ("Checkout Started", 64, 8700,
         {"lines": [{"title": "Overnight Dew Mask", "quantity": 1},
                    {"title": "Barrier Cream", "quantity": 1}]}),
        ("Viewed Product", 9, None, {"title": "Rice Water Toner"}),
        ("Placed Order", 4, 5400, {"number": "#1097", "presentment_value": 4999,
                                   "presentment_currency": "EUR"}),
        ("Ordered Product", 4, 5400, {"title": "Calm Serum"}),
    ]  # fmt: skip
    events.add_events(
        session,
        [
            _event(shop, maya.id, metric, now - timedelta(minutes=ago), value, **about)
            for metric, ago, value, about in told
        ],
    )
    session.add(
        Message(
            shop_id=shop.id, id=new_id(), idempotency_key="sample:never", profile_id=maya.id,
            channel="email",
            template_id=1, subject="", state="skipped", skip_reason="no_consent",
            due_at=now - timedelta(minutes=70), created_at=now - timedelta(minutes=70),
        )
    )  # fmt: skip
    _second_browser(session, shop, now - timedelta(days=3))


def _second_browser(session: Session, shop: Shop, at: datetime) -> None:
    """Let Maya browse on a second device, and then enter their address there."""
    tablet, email = (
        IdentityKey("browser_id", "b-tablet"),
        IdentityKey("email", "maya.okafor@example.com"),
    )
    seen = ProfileFact((tablet,), at)
    said = [
        ("Active on Site", "", {}),
        ("Submitted Search", "search", {"query": "serum"}),
        (
            "Viewed Product",
            "products/calm-serum",
            {"title": "Calm Serum", "price": 49.5, "currency": "EUR"},
        ),
    ]
    did = [
        EventFact(seen, metric, "tablet", at + timedelta(minutes=3 * n), properties={
            **about, "url": f"http://shop.example/{path}", "browser_id": "b-tablet",
        })
        for n, (metric, path, about) in enumerate(said)
    ]  # fmt: skip
    record_facts(session, shop, Facts([seen], did), at)
    ad = {"utm_source": "instagram", "utm_campaign": "autumn"}
    acts = [
        PageView("b-tablet", event.occurred_at, True, "http://shop.example/", "tablet", ad)
        for event in did
    ]
    visits.record_visits(session, shop.id, acts)
    record_facts(session, shop, Facts([ProfileFact((email, tablet), at)]), at)


def _quarantine(shop: Shop, now: datetime) -> None:
    for webhook_id, topic, came, body, error in (
        ("b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", "orders/updated", now - timedelta(hours=2),
         b'{"id": 820982911946154508, "total_price": "ten", "currency": "USD"}',
         "total_price is not an amount of money"),
        ("0f0a2f5c-7a0e-4b8e-9b1c-51a2a7f6a001", "checkouts/create", now - timedelta(days=1),
         b"<html>not JSON</html>", "the body is not JSON"),
    ):  # fmt: skip
        new = NewDelivery(shop.id, webhook_id, topic, "2026-10", "", came, body)
        with db.inbox_transaction() as session:
            inbox.add_settled(session, new, inbox.DeliveryState.QUARANTINED, error)


def all_people(shop: Shop) -> list[int]:
    """The ids of every profile of a shop."""
    with db.reading() as session:
        return [p.id for p in search.search_profiles(session, shop.id, "", limit=50)]
