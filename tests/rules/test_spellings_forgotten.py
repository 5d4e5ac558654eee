"""L13: wherever a forgotten shopper stands by any spelling that is theirs, they are gone."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func
from sqlmodel import col, select

from plugin import clock
from plugin.facts import Facts, IdentityKey, ProfileFact
from plugin.ingest.digest import digest_deliveries
from plugin.ingest.pixel import record_pixel_events
from plugin.ingest.record import record_facts
from plugin.privacy.requests import redact_profile
from storage import inbox, metrics
from storage.arrivals import Arrival, NewDelivery
from storage.backfills import BackfillLine
from storage.engine import db
from storage.events import Event
from storage.flows import Flow
from storage.inbox import DeliveryState
from storage.shops import Shop
from tests.plugin.imports import sheet
from tests.rules.spellings import EMAIL, IN_PASSING, OTHERS, PHONE, READ, VANITY
from tests.state import state_of

pytestmark = pytest.mark.usefixtures("database", "data_dir", "broker")
BROWSER = "a-browser-of-theirs"
KEYS = (
    IdentityKey("email", EMAIL),
    IdentityKey("phone", PHONE),
    IdentityKey("phone", VANITY),
    IdentityKey("browser_id", BROWSER),
)
SPELLINGS = (*READ, *IN_PASSING)
Place = Callable[[Shop, tuple[str, ...]], Callable[[], Iterator[str]]]


def webhook(spelling: str) -> str:
    """A webhook's body: every other one as an encoder writes it that knows ASCII alone."""
    told = {"id": 5, "note": "x", "customer": {"field": spelling}}
    return json.dumps(told, ensure_ascii=len(spelling) % 2 == 0)


def deliveries(
    shop: Shop, state: DeliveryState, bodies: dict[str, str], topic: str = "orders/create"
) -> Callable[[], Any]:
    """Keep deliveries; what is left of them is told by which of the names have a body."""
    at = clock.now() - timedelta(hours=1)
    with db.inbox_transaction() as session:
        for n, body in enumerate(bodies.values()):
            new = NewDelivery(shop.id, f"{n}", topic, "", at.isoformat(), at, body.encode())
            inbox.add_settled(session, new, state, "odd")

    def left() -> Iterator[str]:
        whole = select(Arrival.webhook_id).where(
            Arrival.shop_id == shop.id, func.length(col(Arrival.body)) > 0
        )
        with db.inbox_reading() as session:
            known = set(session.exec(whole))
        yield from (spelling for n, spelling in enumerate(bodies) if str(n) in known)

    return left


def kept(shop: Shop, spellings: tuple[str, ...]) -> Callable[[], Any]:
    """Webhooks that were digested."""
    return deliveries(shop, DeliveryState.DONE, {each: webhook(each) for each in spellings})


def quarantined(shop: Shop, spellings: tuple[str, ...]) -> Callable[[], Any]:
    """Webhooks that could not be: they break off behind the field."""
    bodies = {each: webhook(each).removesuffix("}}") + ', "tag' for each in spellings}
    return deliveries(shop, DeliveryState.QUARANTINED, bodies)


def waiting(shop: Shop, spellings: tuple[str, ...]) -> Callable[[], Any]:
    """Lines of the past that are still to be taken in."""
    with db.transaction() as session:
        session.add_all(
            BackfillLine(shop_id=shop.id, stage="orders", root=str(n), line=0, body=webhook(each))
            for n, each in enumerate(spellings)
        )

    def left() -> Iterator[str]:
        with db.reading() as session:
            for n, spelling in enumerate(spellings):
                if session.get(BackfillLine, (shop.id, "orders", str(n), 0)) is not None:
                    yield spelling

    return left


def in_a_file(shop: Shop, spellings: tuple[str, ...]) -> Callable[[], Any]:
    """Rows of a merchant's file, some in quotation marks, with a note over two lines."""
    rows = [each.replace('"', '""') for each in spellings]
    held = sheet.upload(
        shop, b"Email,Note\n" + "".join(f'"{row}","a\nb"\n' for row in rows).encode()
    )
    path = sheet.lifecycle.files.path_of(shop.id, held.id)

    def left() -> Iterator[str]:
        text = path.read_text()
        yield from (each for each, row in zip(spellings, rows, strict=True) if f'"{row}"' in text)

    return left


def told_by_a_pixel(shop: Shop, spellings: tuple[str, ...]) -> Callable[[], Any]:
    """Events of their browser: taken, with the spelling in the name too; and refused."""
    common = {"name": "custom", "client_id": BROWSER, "marketing": True,
              "timestamp": clock.now().isoformat()}  # fmt: skip
    events = [
        {**common, "id": f"{kind}-{n}", "metric": metric, "data": {"a": each, **more}}
        for n, each in enumerate(spellings)
        for kind, metric, more in (
            ("taken", f"Quiz {each}", {}),
            ("plain", "Quiz", {}),
            ("refused", f"Quiz {each}", {"deep": json.loads("[" * 12 + "]" * 12)}),
        )
    ]
    record_pixel_events(shop, events)

    def left() -> Iterator[str]:
        with db.reading() as session:
            told = {each.properties["a"] for each in sheet.rows(Event, shop)}
            named = " ".join(metrics.metrics_of(session, shop.id))
        yield from (each for each in spellings if each in told or each in named)

    return left


PLACES = (kept, quarantined, waiting, in_a_file, told_by_a_pixel)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_l13_they_are_gone_from_each_place_by_every_spelling(shop: Shop, place: Place) -> None:
    assert len(SPELLINGS) >= 34
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        record_facts(session, shop, Facts([ProfileFact(KEYS, clock.now())]), clock.now())
    theirs = place(shop, SPELLINGS)
    assert len(list(theirs())) >= 34

    assert redact_profile(shop.id, KEYS[:3])

    assert list(theirs()) == []


@pytest.mark.parametrize("place", PLACES[:4], ids=lambda place: place.__name__)
def test_l13_what_is_anothers_stays_in_each_place(shop: Shop, place: Place) -> None:
    others = place(shop, OTHERS)

    assert redact_profile(shop.id, KEYS[:3])

    assert list(others()) == list(OTHERS)


def test_l13_a_late_webhook_brings_no_one_back_by_any_spelling(shop: Shop) -> None:
    """As one that comes late, or that a backup brought back."""
    assert redact_profile(shop.id, KEYS[:3])
    at = (clock.now() - timedelta(hours=1)).isoformat()
    mails = [each for each in READ if "@" in each]
    numbers = [each for each in READ if each.startswith("+")]
    told = [{"email": each} for each in mails] + [{"phone": each} for each in numbers]
    bodies = {str(n): json.dumps({"id": 900 + n, "updated_at": at, **each})
              for n, each in enumerate(told)}  # fmt: skip
    left = deliveries(shop, DeliveryState.NEW, bodies, "customers/update")
    assert len(list(left())) >= 15

    digest_deliveries()

    assert state_of(shop.id)["people"] == {}
    assert list(left()) == []


def test_l13_a_metric_goes_with_its_last_event_unless_a_flow_starts_on_it(shop: Shop) -> None:
    at = clock.now()
    theirs, others = (
        ProfileFact((IdentityKey("email", email), IdentityKey("browser_id", browser)), at)
        for email, browser in ((EMAIL, BROWSER), ("noah@example.com", "another"))
    )
    flow = {"name": "x", "created_at": at, "updated_at": at}
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        record_facts(session, shop, Facts([theirs, others]), at)
        session.add(Flow(shop_id=shop.id, id=1, trigger="metric:Chose a shade", **flow))
    for browser, names in (
        (BROWSER, ("Élodie's quiz", "Quiz", "Chose a shade")),
        ("another", ["Quiz"]),
    ):
        event = {"name": "custom", "client_id": browser, "marketing": True,
                 "timestamp": at.isoformat()}  # fmt: skip
        told = [{**event, "id": f"{browser}-{name}", "metric": name} for name in names]
        record_pixel_events(shop, told)

    assert redact_profile(shop.id, KEYS[:1])

    with db.reading() as session:
        assert list(metrics.metrics_of(session, shop.id)) == ["Chose a shade", "Quiz"]
