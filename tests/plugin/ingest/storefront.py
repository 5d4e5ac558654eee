"""A storefront that tells what happened in it, and questions to what we make of that."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlmodel import select

from admin_ui.home import page as home
from plugin import clock
from plugin.errors import MalformedError
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact, merge_facts
from plugin.flows import library as flow_library
from plugin.flows.advance import advance_enrolments
from plugin.ingest import pixel
from plugin.ingest.digest import apply_facts, parse_delivery
from plugin.messages.eligibility import consent_blocks
from plugin.messages.send import send_messages
from plugin.privacy import requests
from plugin.shopify.api import graphql, nodes
from plugin.templates.product_feeds import Catalog
from storage import consent, flows, orders, privacy_requests, profiles
from storage.attributions import Attribution
from storage.backfills import StoreNoun
from storage.channels import Channel
from storage.coupons import CouponCode
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event
from storage.flows import Enrolment
from storage.inbox_claims import ClaimedDelivery
from storage.messages import Message, MessageState, add_messages
from storage.products import variants_by_product
from storage.profiles import IdentityKind, Profile
from storage.shops import Shop
from tests.plugin.channels.relay import Relay

NAMED = (IdentityKind.EMAIL, IdentityKind.PHONE, IdentityKind.CUSTOMER)
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass
class Storefront:
    """One shop's storefront. `play` tells what happened, `ask` reads one figure."""

    shop: Shop
    relay: Relay
    now: datetime
    quarantined: list[str] = field(default_factory=list)
    flow_id: int = 0
    numbers: Any = field(default_factory=count)

    def play(self, deliveries: Sequence[tuple[str, Any]]) -> None:
        """Deliver webhooks in this order; topics in brackets are other things that happen."""
        for topic, payload in deliveries:
            if act := ACTS.get(topic):
                act(self, payload)
            else:
                self._deliver(topic, payload)

    def ask(self, question: str, of: Sequence[Any]) -> Any:
        """Answer one question."""
        return QUESTIONS[question](self, *of)

    def _deliver(self, topic: str, payload: Mapping[str, Any]) -> None:
        said = payload.get("updated_at") or payload.get("created_at")
        sent = datetime.fromisoformat(said) if said else self.now
        self.now = max(self.now, sent)
        body = json.dumps(payload).encode()
        delivery = ClaimedDelivery(
            self.shop.id, f"delivery-{next(self.numbers)}", topic, self.now.isoformat(), 1, body
        )
        try:
            apply_facts(self.shop, parse_delivery(delivery, self.shop.currency))
        except MalformedError:
            self.quarantined.append(topic)

    def wait(self, told: Mapping[str, float]) -> None:
        """Let time pass; the clock rings whenever something is due."""
        until = self.now + timedelta(hours=told["hours"])
        self._work()
        while (due := self._next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            self._work()
        self.now = until
        self._work()

    def _next_due(self) -> datetime | None:
        with db.reading() as session:
            waiting = session.exec(
                select(Enrolment.due_at).where(
                    Enrolment.shop_id == self.shop.id, Enrolment.state == "waiting"
                )
            )
            return min((at for at in waiting if at is not None), default=None)

    def _work(self) -> None:
        with db.transaction() as session:
            for enrolment in session.exec(
                select(Enrolment).where(Enrolment.shop_id == self.shop.id)
            ):
                enrolment.lease_until = 0
        with db.transaction() as session:
            due = flows.claim_due(session, clock.now(), 100)
        advance_enrolments(self.shop.id, [enrolment_id for _, enrolment_id in due])
        with db.reading() as session:
            queued = session.exec(
                select(Message.id).where(
                    Message.shop_id == self.shop.id, Message.state == MessageState.DUE
                )
            ).all()
        send_messages(self.shop.id, queued)

    def find(self, kind: str, value: str) -> int | None:
        """The profile that a key leads to."""
        key = (IdentityKind(kind), value)
        with db.reading() as session:
            return profiles.find_identities(session, self.shop.id, [key]).get(key)

    def profile(self, email: str) -> Profile:
        """The profile of an address."""
        found = self.find(IdentityKind.EMAIL, email)
        assert found is not None, f"nobody has {email}"
        with db.reading() as session:
            held = profiles.get_profile(session, self.shop.id, found)
        assert held is not None
        return held

    def keys(self, profile_id: int | None) -> list[str]:
        """What a profile is known by, without devices and visits."""
        with db.reading() as session:
            held = profiles.identities_of(session, self.shop.id, [profile_id or 0])
        return sorted(f"{each.kind}={each.value}" for each in held if each.kind in NAMED)

    def events(self, metric: str) -> list[Event]:
        """All events of a metric, oldest first."""
        with db.reading() as session:
            found = session.exec(
                select(Event).where(Event.shop_id == self.shop.id, Event.metric == metric)
            )
            return sorted(found, key=lambda event: (event.occurred_at, event.id))


def dollars(amount: int) -> str:
    """Cents as webhooks write dollars."""
    return f"{amount / 100:.2f}"


# What happens besides webhooks


def _turn_on(store: Storefront, told: Mapping[str, Any]) -> None:
    """Switch the library's abandoned-checkout flow on."""
    flow_library.seed_flows(store.shop.id)
    with db.reading() as session:
        found = flows.flows_of(session, store.shop.id)
    store.flow_id = next(flow.id for flow in found if flow.name == "Abandoned checkout")
    flow_library.set_status(store.shop.id, store.flow_id, True)


def _see(store: Storefront, told: Mapping[str, Any]) -> None:
    pixel.record_pixel_events(store.shop, [told])


def _do(store: Storefront, told: Mapping[str, Any]) -> None:
    """A shopper did something."""
    at = datetime.fromisoformat(told["at"])
    store.now = max(store.now, at)
    who = ProfileFact((IdentityKey(IdentityKind.EMAIL, told["who"]),), at)
    event = EventFact(
        who, told["metric"], told["id"], at,
        value=told["value"], currency=store.shop.currency, properties=told["properties"],
    )  # fmt: skip
    apply_facts(store.shop, Facts(profiles=[who], events=[event]))


def _click(store: Storefront, told: Mapping[str, Any]) -> None:
    """A flow's mail was clicked."""
    _message(store, told["to"], clicked_at=datetime.fromisoformat(told["at"]))


def _give(store: Storefront, told: Mapping[str, Any]) -> None:
    """A mail gave a code of ours."""
    key = _message(store, told["to"])
    with db.transaction() as session:
        session.add(
            CouponCode(
                shop_id=store.shop.id, code=told["code"], coupon_id=1, message_key=key,
                given_at=store.now,
            )
        )  # fmt: skip


def _message(store: Storefront, email: str, **changes: Any) -> str:
    key = f"flow:1:{next(store.numbers)}:1:email"
    with db.transaction() as session:
        row: Any = {
            "shop_id": store.shop.id, "id": new_id(), "idempotency_key": key, "channel": "email",
            "profile_id": store.profile(email).id, "address": email, "flow_id": 1,
            "action_id": "1", "template_id": 1, "state": MessageState.ACCEPTED, "due_at": store.now,
            "created_at": store.now, "sent_at": store.now,
        }  # fmt: skip
        add_messages(session, [row | changes])
    return key


def _read_product(store: Storefront, told: Mapping[str, Any]) -> None:
    store._deliver("products/update", told)


def _read_checkout(store: Storefront, told: Mapping[str, Any]) -> None:
    node = dict(told)
    lines = node.pop("lineItems")
    said = nodes.facts_of(
        store.shop.id, StoreNoun.CHECKOUTS, node, lines, currency=store.shop.currency
    )
    apply_facts(store.shop, merge_facts([said]))


def _run_privacy(store: Storefront, told: Mapping[str, Any]) -> None:
    with db.reading() as session:
        due = [each.id for each in privacy_requests.requests_of(session, store.shop.id)]
    requests.run_requests(store.shop.id, due)


ACTS: dict[str, Callable[[Storefront, Mapping[str, Any]], None]] = {
    "(wait)": Storefront.wait,
    "(pixel)": _see,
    "(did)": _do,
    "(clicked mail)": _click,
    "(code given)": _give,
    "(reminders on)": _turn_on,
    "(read product)": _read_product,
    "(read abandonedCheckouts)": _read_checkout,
    "(run privacy)": _run_privacy,
}


# Questions


def _person(store: Storefront, email: str, name: str) -> Any:
    return getattr(store.profile(email), name)


def _people(store: Storefront) -> int:
    with db.reading() as session:
        return profiles.count_profiles(session, store.shop.id, whole=True)


def _same_person(store: Storefront, *keys: str) -> bool:
    found = {store.find(*key.split("=", 1)) for key in keys}
    return len(found) == 1 and None not in found


def _keys(store: Storefront, email: str) -> list[str]:
    return store.keys(store.profile(email).id)


def _whose_order(store: Storefront, order_id: int) -> list[str]:
    with db.reading() as session:
        return store.keys(
            orders.orders_by_id(session, store.shop.id, [order_id])[order_id].profile_id
        )


def _sales(store: Storefront, *edges: datetime) -> list[Any]:
    with db.reading() as session:
        figures = home.count(session, store.shop.id, *(edges or EVER))
    return [figures.orders, dollars(figures.revenue)]


def _sales_of_day(store: Storefront, day: str) -> list[Any]:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return _sales(store, start, start + timedelta(days=1))


def _bought(store: Storefront, email: str) -> list[Any]:
    with db.reading() as session:
        number, spent = orders.bought_by(session, store.shop.id, store.profile(email).id)
    return [number, dollars(spent)]


def _earned(store: Storefront) -> list[Any]:
    with db.reading() as session:
        figures = home.count(session, store.shop.id, *EVER)
        found = list(session.exec(select(Attribution).where(Attribution.shop_id == store.shop.id)))
    return [len([each for each in found if each.amount]), dollars(figures.earned)]


def _events(store: Storefront, metric: str, *names: str) -> list[Any]:
    told = [[_field(event, name) for name in names] for event in store.events(metric)]
    return [values[0] for values in told] if len(names) == 1 else told


def _field(event: Event, name: str) -> Any:
    if name == "value":
        return None if event.value is None else dollars(event.value)
    if name == "at":
        return event.occurred_at.isoformat().replace("+00:00", "Z")
    return event.currency if name == "currency" else event.properties.get(name)


def _titles(store: Storefront, metric: str) -> list[str]:
    return sorted(event.properties["title"] for event in store.events(metric))


def _mentions(store: Storefront, metric: str, text: str) -> bool:
    return any(
        text in json.dumps(each.properties, ensure_ascii=False) for each in store.events(metric)
    )


def _lines(store: Storefront, order_id: int) -> list[Any]:
    with db.reading() as session:
        held = orders.lines_by_order(session, store.shop.id, [order_id])
    return [
        [line["title"], line["quantity"]] for line in held.get(order_id, ()) if line["quantity"]
    ]


def _reminders(store: Storefront, *emails: str) -> int:
    return len([mail for mail in store.relay.mails() if not emails or mail["To"] in emails])


def _recommended(store: Storefront) -> list[str]:
    return sorted(item["title"] for item in Catalog(store.shop).of())


def _consent(store: Storefront, channel: str, address: str) -> str | None:
    with db.reading() as session:
        return consent.consent_state(session, store.shop.id, channel, address)


def _may_mail(store: Storefront, email: str) -> bool:
    with db.reading() as session:
        blocks = consent_blocks(session, store.shop.id, [(Channel.EMAIL, email)])
    return blocks[Channel.EMAIL, email] is None


def _variants(store: Storefront, product_id: int) -> int:
    with db.reading() as session:
        return len(variants_by_product(session, store.shop.id, [product_id])[product_id])


def _asks_shopify_for(store: Storefront, name: str, noun: str = "") -> bool:
    asked = [path.stem for path in graphql.DOCUMENTS.glob("*.graphql") if noun in path.name]
    return any(name in graphql.text_of(document) for document in asked)


QUESTIONS: dict[str, Callable[..., Any]] = {
    "person": _person,
    "people": _people,
    "same_person": _same_person,
    "keys": _keys,
    "whose_order": _whose_order,
    "sales": _sales,
    "sales_of_day": _sales_of_day,
    "bought": _bought,
    "earned": _earned,
    "events": _events,
    "count": lambda store, metric: len(store.events(metric)),
    "titles": _titles,
    "mentions": _mentions,
    "lines": _lines,
    "reminders": _reminders,
    "recommended": _recommended,
    "consent": _consent,
    "may_mail": _may_mail,
    "variants": _variants,
    "quarantined": lambda store: store.quarantined,
    "asks_shopify_for": _asks_shopify_for,
}
