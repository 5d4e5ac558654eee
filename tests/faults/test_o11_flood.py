"""O11: one sender with 65,536 networks of its own floods a shop's door, which stays open to others.

They come to the real app, each request from another network of one delegation (RFC 6177), half of
them for a shop, half for shops that nothing is known of.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.settings import get_settings
from tests.sizes import size
from tests.webhooks.test_rate_limits import answer
from webhooks import rate_limits
from webhooks.app import routes

DELEGATED = "2001:db8:7"
REQUESTS = size(1_500, 51_000)
OTHERS = 100


async def statuses(app: Starlette, requests: Iterable[tuple[str, bytes]]) -> AsyncIterator[int]:
    """How the app answers batches of browser events, each given with the address it comes from."""
    for address, body in requests:
        scope = {"type": "http", "method": "POST", "path": "/pixel", "query_string": b"",
                 "headers": [], "client": (address, 1)}  # fmt: skip
        replies: list[int] = []

        async def receive(body: bytes = body) -> dict[str, object]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, object], replies: list[int] = replies) -> None:
            if message["type"] == "http.response.start":
                replies.append(int(str(message["status"])))

        await app(scope, receive, send)
        yield replies[0]


@pytest.fixture
def one_minute(monkeypatch):
    """However long the flood takes here, the limits take it for less than a minute."""
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: 6_000.0)
    monkeypatch.setattr(rate_limits, "MAX_KEYS", size(500, 50_000))
    monkeypatch.setenv("REGULARS_HINTS_PER_MINUTE", str(size(30, 300)))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_o11_a_flood_of_one_sender_costs_no_other_a_refusal(form_id, shop, one_minute):
    def batch(domain: str) -> bytes:
        return f'{{"shop": "{domain}", "events": []}}'.encode()

    flood = (
        (f"{DELEGATED}:{n:x}::{n:x}", batch(shop.domain if n % 2 else f"{n}.example"))
        for n in range(REQUESTS)
    )
    others = (
        (f"198.51.100.{n}" if n % 2 else f"2001:db8:{100 + n:x}::1", batch(shop.domain))
        for n in range(OTHERS)
    )

    async def come() -> tuple[list[int], list[int]]:
        app = Starlette(routes=routes())
        return [each async for each in statuses(app, flood)], [
            each async for each in statuses(app, others)
        ]

    attacked, answered = asyncio.run(come())

    sys.stdout.write(
        f"\n{REQUESTS} requests of one /48, {attacked.count(204)} taken;"
        f" of {OTHERS} others {OTHERS - answered.count(204)} refused\n"
    )
    assert attacked.count(204) == 8 * get_settings().hints_per_minute
    assert answered == [204] * OTHERS
    assert not [key for key in rate_limits.OF_SHOPS._now if "example" in str(key)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_o11_a_flood_of_answers_leaves_the_form_open_to_others(form_id, shop, one_minute):
    taken = sum(
        rate_limits.allows_submit(shop.domain, f"{DELEGATED}:{n:x}::1") for n in range(REQUESTS)
    )
    assert taken == 8 * get_settings().answers_per_minute

    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        answers = [answer(client, form_id, n, f"198.51.100.{n}") for n in range(3)]
        answers += [answer(client, form_id, 10 + n, f"2001:db8:{n}::1") for n in range(3)]
    assert [each.status_code for each in answers] == [200] * 6
