"""Lines of an event that no checkout has, as a page's or an API's own event may tell them."""

from typing import Any

import pytest

from admin_ui.kit.language import Language
from admin_ui.kit.words.events import details
from plugin.templates import library
from storage.engine import db
from storage.events import Event, get_event
from storage.shops import Shop
from tests.plugin.messages.test_render import rendered
from tests.plugin.messages.world import build

ODD: list[Any] = [
    "text", 7, None, {}, [], ["text", 7, None, [], True],
    [{}], [{"title": "Serum"}],
    *([{"title": "Serum", "product_id": odd, "variant_id": odd, "quantity": odd, "price": odd,
        "image": odd, "variant_title": odd, "url": odd}]
      for odd in ("text", "", [], ["a"], {"a": 1}, True, None, -1, 0, 1.5, 2**63, 2**70, 10**30,
                  "9" * 30, "1e400")),
    *([{"title": odd, "quantity": 1, "price": 100}] for odd in (7, ["a"], {"a": 1}, True, None)),
]  # fmt: skip


@pytest.mark.parametrize("lines", ODD, ids=lambda lines: str(lines)[:40])
def test_s02_odd_lines_of_an_event_are_passed_over(sqlite: str, shop: Shop, lines: Any) -> None:
    world = build(shop)
    world.change(Event, world.event_id, properties={"lines": lines, "checkout_token": "c1"})

    mail = rendered(world, library.FIRST)
    with db.reading() as session:
        event = get_event(session, shop.id, world.event_id)
    assert event is not None
    said = details(event, Language("en", shop.timezone, shop.currency))

    assert "Traceback" not in mail.html
    assert all(isinstance(each, str) for each in said)
