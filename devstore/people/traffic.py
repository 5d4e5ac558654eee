"""Send signed deliveries of many shoppers to the app, over a connection as bad as wanted.

`traffic` plays journeys of shoppers of its own in a shop in memory; `replay` sends what a file of
`traffic --out` holds, one delivery a line: {"headers": {…}, "body": "…", "after": seconds}.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2

from devstore.delivery import CONNECT_S, TOTAL_S
from devstore.people.seed import Seed
from devstore.shop.app import App
from devstore.shop.database import Document
from devstore.shop.outbox import Request
from devstore.shop.store import Store

WINDOW = 200  # deliveries that are mixed with each other
AGAIN_WITHIN_S = 2.0  # a copy comes so much later at most, beside the delay
AT_ONCE = 64
APART = 500_000  # between these shoppers' ids and those of the shop that is served


class Sent(NamedTuple):
    """A delivery and when it leaves, in seconds from the start."""

    after: float
    request: Request


def journeys(store: Store, chance: random.Random) -> Iterator[Request]:
    """Yield the webhooks of one shopper after the other, for ever."""
    seed, told, number = Seed(store), 0, chance.randrange(APART)
    for kind in ("customer", "order", "checkout", "order number"):
        store.set(f"last {kind}", APART + number)
    for product in store.for_sale():
        store.update_product(product["id"], stock=1_000_000)
    goods = [each for product in store.for_sale() for each in product["variants"]]
    while True:
        number += 1
        person = seed.person(number)
        email = f"visitor{number}@traffic.example"
        if chance.random() < 0.3:
            store.subscribe_newsletter(email)
        token = store.add_to_cart(None, chance.choice(goods)["id"])["token"]
        if chance.random() < 0.8:
            checkout = store.start_checkout(token, email)["token"]
            store.update_checkout(checkout, address=person["address"])
            if chance.random() < 0.6:
                order = store.complete_checkout(checkout, test=chance.random() < 0.05)
                if chance.random() < 0.4:
                    _happens(store, order, chance)
        new = store.outbox(since=told)
        told += len(new)
        yield from (store.request(each) for each in new)


def _happens(store: Store, order: Document, chance: random.Random) -> None:
    """Let something become of an order: an edit, parcels, a refund, a return, a cancellation."""
    number, variant = order["id"], order["lines"][0]["variant_id"]
    act = chance.choice(("edit", "parcels", "refund", "return", "cancel"))
    if act == "edit":
        other = chance.choice(store.for_sale())["variants"][0]["id"]
        store.edit_order(number, other, 1)
        store.edit_order(number, variant, -1)
    elif act == "parcels":
        store.edit_order(number, variant, 1)
        sent = store.fulfil_order(number, {variant: 1}, numbers=(f"{number}A", f"{number}B"))
        store.track_parcel(number, sent["fulfillments"][0]["id"], f"{number}C")
        store.fulfil_order(number)
    elif act == "refund":
        store.refund_order(number, status=chance.choice(("success", "pending", "failure")))
    elif act == "return":
        store.return_goods(number, {variant: 1})
    else:
        store.cancel_order(number)


def plan(
    requests: Iterator[Request], said: argparse.Namespace, chance: random.Random
) -> list[Sent]:
    """When each delivery leaves: some are late, some come twice, some never."""
    count = round(said.rate * said.seconds)
    whole = [request for request, _ in zip(requests, range(count), strict=False)]
    if said.shuffle:
        for start in range(0, count, WINDOW):
            part = whole[start : start + WINDOW]
            chance.shuffle(part)
            whole[start : start + WINDOW] = part
    found = []
    for number, request in enumerate(whole):
        at = number / said.rate + chance.uniform(0, said.delay)
        if chance.random() >= said.drop:
            found.append(Sent(at, request))
        if chance.random() < said.duplicate:
            found.append(Sent(at + chance.uniform(0, AGAIN_WITHIN_S), request))
    return sorted(found, key=lambda each: each.after)


async def send(url: str, planned: Sequence[Sent]) -> Counter[str]:
    """Send deliveries at their times; how often the app gave each answer."""
    answers: Counter[str] = Counter()
    hands = asyncio.Semaphore(AT_ONCE)
    began = time.monotonic()

    async def one(request: Request) -> None:
        try:
            answer = await client.post(url, content=request.body, headers=request.headers)
            answers[str(answer.status_code)] += 1
        except httpx2.HTTPError as error:
            answers[type(error).__name__] += 1
        finally:
            hands.release()

    limits = httpx2.Timeout(TOTAL_S, connect=CONNECT_S)
    async with (
        httpx2.AsyncClient(timeout=limits, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):
        for each in planned:
            await hands.acquire()
            await asyncio.sleep(max(0.0, began + each.after - time.monotonic()))
            group.create_task(one(each.request))
    return answers


def write(path: Path, planned: Sequence[Sent]) -> None:
    """Keep deliveries in a file, a line each."""
    with path.open("w", encoding="utf-8") as file:
        for after, request in planned:
            line = {"after": round(after, 4), "headers": request.headers}
            file.write(json.dumps({**line, "body": request.body.decode()}) + "\n")


def read(path: Path) -> list[Sent]:
    """Deliveries that `write` kept, or others wrote in its form."""
    found = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            said = json.loads(line)
            body = said["body"].encode()
            found.append(Sent(float(said.get("after", 0)), Request(said["headers"], body)))
    return found


def traffic(words: Sequence[str]) -> None:
    """`regulars devstore traffic`."""
    said = _arguments().parse_args(words)
    app = App.from_manifest(
        said.manifest, client_id="", client_secret=said.client_secret, url=said.app_url
    )
    chance = random.Random(said.seed)
    store = Store(domain=said.domain, app=app)
    store.install()
    try:
        planned = plan(journeys(store, chance), said, chance)
    finally:
        store.close()
    if said.out:
        write(Path(said.out), planned)
        _say({"written": len(planned)})
    else:
        _say(dict(asyncio.run(send(app.webhook_url, planned))))


def replay(words: Sequence[str]) -> None:
    """`regulars devstore replay FILE`."""
    parser = argparse.ArgumentParser("devstore replay", description="Send deliveries of a file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000/webhooks/shopify")
    said = parser.parse_args(words)
    _say(dict(asyncio.run(send(said.url, read(said.file)))))


def _say(found: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("devstore traffic", description="Shoppers on a bad line.")
    parser.add_argument("--rate", type=float, default=20, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--duplicate", type=float, default=0, help="share that comes twice")
    parser.add_argument("--shuffle", action="store_true", help="mix them with their neighbours")
    parser.add_argument("--delay", type=float, default=0, help="seconds that one may be late")
    parser.add_argument("--drop", type=float, default=0, help="share that never comes")
    parser.add_argument("--seed", type=int, help="the same shoppers again")
    parser.add_argument("--out", help="write them to a file instead of sending them")
    parser.add_argument("--domain", default="dewpoint.myshopify.com")
    parser.add_argument("--manifest", default="manifest.toml", help="the app's description")
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--app-url", default="http://127.0.0.1:8000")
    return parser
