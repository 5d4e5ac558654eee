"""The open loop sends webhooks of many shoppers, as many stores would."""

import json

from benchmarks.delivery import Request
from benchmarks.traffic import STEPS, Traffic, order_id


def named(request: Request, header: bytes) -> bytes:
    return request.before.split(header)[1].split(b"\r\n")[0]


def test_no_two_shoppers_and_no_two_visits_are_the_same():
    requests = list(Traffic("a secret", ("a.example", "b.example"), people=100).requests(1_000))
    topics = [
        request.before.split(b"X-Shopify-Topic: ")[1].split(b"\r\n")[0] for request in requests
    ]
    orders = [
        json.loads(request.after)["id"]
        for request, topic in zip(requests, topics, strict=True)
        if topic == b"orders/create"
    ]

    assert {topic.decode() for topic in topics} == set(STEPS)
    assert sorted(orders) == sorted(order_id(n, visit) for n in range(100) for visit in (0, 1))
    assert {named(request, b"Domain: ") for request in requests} == {
        b"a.example", b"b.example",
    }  # fmt: skip
