"""S02: a body that Shopify signed is answered 200 with any content; a malformed one
is quarantined.
"""

import json

import pytest
from sqlmodel import select

from plugin.ingest.digest import digest_deliveries
from storage.engine import db
from storage.inbox import Delivery, DeliveryState
from storage.profiles import count_profiles
from tests.webhooks.test_shopify import headers, kept

SAID = {"id": 1, "email": "maya@example.com", "updated_at": "2026-11-21T12:00:00Z"}
TEXT = json.dumps(SAID)

UNREADABLE = {
    "nothing": b"",
    "no JSON": b"<html>",
    "half of it": TEXT.encode()[:20],
    "two of it": TEXT.encode() * 2,
    "invalid UTF-8": TEXT.encode().replace(b"maya", b"\xff\xfe\x80"),
    "NUL between": TEXT.encode().replace(b"maya", b"ma\x00ya"),
    "10,000 lists deep": b"[" * 10_000 + b"]" * 10_000,
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of 5,000 digits": TEXT.encode().replace(b'"id": 1', b'"id": ' + b"9" * 5_000),
    "a list": b"[1]",
    "a text": b'"x"',
    "null": b"null",
    "infinity": TEXT.encode().replace(b'"id": 1', b'"id": 1e400'),
    "not a number": TEXT.encode().replace(b'"id": 1', b'"id": NaN'),
    "a time that is none": json.dumps({**SAID, "updated_at": "yesterday"}).encode(),
}  # fmt: skip
READABLE = {
    "as it is": TEXT.encode(),
    "keys in another order": json.dumps(dict(reversed(SAID.items())), indent=4).encode(),
    "a key twice": TEXT.encode()[:-1] + b', "id": 1}',
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16, as JSON may be": TEXT.encode("utf-16"),
    "NUL in a text": json.dumps({**SAID, "first_name": "Ma\x00ya"}).encode(),
    "half of a pair": TEXT.encode()[:-1] + b', "first_name": "\\ud800"}',
    "half of a pair, in bytes": TEXT.encode()[:-1] + b', "first_name": "\xed\xa0\x80"}',
    "a name of a megabyte": json.dumps({**SAID, "first_name": "a" * 1_000_000}).encode(),
    "more than was promised": json.dumps({**SAID, "unheard": [{"of": [1] * 1_000}]}).encode(),
}


def deliveries():
    with db.inbox_reading() as session:
        return list(db.across_shops(session, select(Delivery), "this test").scalars())


def send(client, body, webhook_id="w-1"):
    return client.post(
        "/webhooks/shopify", content=body, headers=headers(body, Webhook_Id=webhook_id)
    )


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_s02_a_signed_body_that_cannot_be_read_is_kept_in_quarantine(way_in, body):
    assert send(way_in, body).status_code == 200
    digest_deliveries()

    ((arrival,), (delivery,)) = (kept(), deliveries())
    assert arrival.body == body
    assert delivery.state == DeliveryState.QUARANTINED
    assert delivery.error


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE.keys())
def test_s02_odd_json_is_read_all_the_same(way_in, shop, body):
    assert send(way_in, body).status_code == 200
    digest_deliveries()

    (delivery,) = deliveries()
    assert (delivery.state, delivery.error) == (DeliveryState.DONE, "")
    with db.reading() as session:
        assert count_profiles(session, shop.id) == 1


def test_s02_one_that_cannot_be_read_holds_up_no_other(way_in, shop):
    for number, body in enumerate([*UNREADABLE.values(), READABLE["as it is"]]):
        assert send(way_in, body, f"w-{number}").status_code == 200
    digest_deliveries()

    states = [delivery.state for delivery in deliveries()]
    assert states.count(DeliveryState.DONE) == 1
    assert states.count(DeliveryState.QUARANTINED) == len(UNREADABLE)


def test_s02_the_signature_is_of_the_bytes_and_not_of_what_they_mean(way_in):
    again = json.dumps(json.loads(TEXT), indent=1).encode()

    answer = way_in.post("/webhooks/shopify", content=again, headers=headers(TEXT.encode()))

    assert answer.status_code == 401
    assert kept() == []
