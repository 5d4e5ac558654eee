"""F20: whatever a browser tells, it is answered without an error, and no other browser waits."""

from collections import Counter
from itertools import islice

import pytest
from starlette.testclient import TestClient

from plugin.runtime import web
from storage.shops import Shop
from tests.conftest import NOW
from tests.faults.mutants import Mutator
from tests.faults.served import tell
from tests.sizes import size
from webhooks import pixel
from webhooks.app import routes

MUTANTS, SEED = size((150, 21), (5_000, 21))
HOME, AT = "http://127.0.0.1:8001", NOW.isoformat()
EVENTS = [
    {"id": "e-1", "name": "product_viewed", "timestamp": AT, "client_id": "b-1", "marketing": True,
     "url": f"{HOME}/products/serum", "referrer": "https://search.example",
     "data": {"product_id": "5", "title": "Serum", "price": 19.99, "quantity": 1,
              "currency": "EUR", "url": "/p", "image": "//cdn.shopify.com/x.jpg",
              "product_type": "Serum", "cart_token": "c1", "checkout_token": "k1"}},
    {"id": "e-2", "name": "custom", "metric": "Finished Quiz", "timestamp": AT, "client_id": "b-2",
     "marketing": True, "url": f"{HOME}/",
     "data": {"$value": 10, "$value_currency": "USD", "answers": ["a", {"b": 1}],
              "lines": [{"title": "Serum", "product_id": 5, "quantity": 1}]}},
    {"id": "e-3", "name": "cart_viewed", "timestamp": AT, "client_id": "b-3", "marketing": False,
     "url": f"{HOME}/cart",
     "data": {"items": [{"title": "Serum", "product_id": "5", "quantity": 2, "price": 3.5}],
              "item_count": 2, "total": 7.0, "currency": "USD"}},
    {"id": "e-4", "name": "page_viewed", "timestamp": AT, "client_id": "b-4", "marketing": True,
     "url": f"{HOME}/?utm_source=x", "data": {}},
]  # fmt: skip


def test_f20_every_mutant_of_a_browsers_events_is_answered(
    database: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel, "allows_hint", lambda *_: True)
    monkeypatch.setattr(pixel, "allows_sender", lambda *_: True)
    bodies = {"pixel": [{"shop": shop.domain, "events": [event]} for event in EVENTS]}
    mutants = islice(Mutator(SEED, bodies, ["pixel"]).mutants(), MUTANTS)
    with TestClient(web.build_app(routes(), https=False)) as client:
        answers = Counter(
            client.post("/pixel", content=body).status_code
            for _, body in mutants
            if len(body) < pixel.MAX_BODY_BYTES
        )

    tell("F20 browsers", on=database.partition(":")[0], answers=dict(answers))
    assert set(answers) == {204}
