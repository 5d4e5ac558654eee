"""S01: a webhook without Shopify's signature is a 401 and leaves nothing, for any body."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.test_shopify import BODY, SECRET, headers, kept, sign

MAC = b"X-Shopify-Hmac-Sha256"
WRONG = base64.b64encode(hmac.digest(b"another secret", BODY, "sha256"))
BAD = {
    "empty": [b""],
    "one letter": [b"x"],
    "not ascii": ["é".encode("latin-1")],
    "bytes of UTF-8": ["签名".encode()],
    "very long": [b"A" * 10_000],
    "only padding": [b"===="],
    "hex instead of base64": [hmac.new(SECRET, BODY, "sha256").hexdigest().encode()],
    "another secret's": [WRONG],
    "another body's": [sign(BODY + b" ").encode()],
    "another hash's": [base64.b64encode(hmac.digest(SECRET, BODY, hashlib.sha1))],
    "cut short": [sign(BODY).encode()[:-4]],
    "with more behind it": [sign(BODY).encode() + b"AAAA"],
    "in small letters": [sign(BODY).lower().encode()],
    "twice": [WRONG, WRONG],
    "twice in one": [WRONG + b", " + WRONG],
    "no bytes at all, signed": [base64.b64encode(b"")],
    "not there": [],
}


def send(client, macs):
    raw = [(k.encode(), v.encode()) for k, v in headers().items() if k.encode() != MAC]
    return client.post("/webhooks/shopify", content=BODY, headers=[*raw, *((MAC, m) for m in macs)])


@pytest.mark.parametrize("macs", BAD.values(), ids=BAD.keys())
def test_s01_a_wrong_signature_is_401_and_leaves_nothing(way_in, macs):
    answer = send(way_in, macs)

    assert (answer.status_code, answer.content) == (401, b"")
    assert kept() == []


@settings(
    max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    junk=st.binary(max_size=80).filter(
        lambda b: b"\r" not in b and b"\n" not in b and b"\0" not in b
    )
)
def test_s01_no_bytes_whatever_are_let_in_or_make_it_fall_over(way_in, junk):
    assert send(way_in, [junk]).status_code == 401


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    name=st.sampled_from(["Topic", "Shop-Domain", "Webhook-Id", "Triggered-At", "API-Version"]),
    junk=st.binary(max_size=300).filter(
        lambda b: b"\r" not in b and b"\n" not in b and b"\0" not in b
    ),
)
def test_s01_a_signed_body_is_answered_with_any_other_headers(way_in, name, junk):
    said = {f"X-Shopify-{name}".encode(): junk}
    raw = [(k.encode(), v.encode()) for k, v in headers().items() if k.encode() not in said]

    answer = way_in.post("/webhooks/shopify", content=BODY, headers=[*raw, *said.items()])

    assert answer.status_code == 200


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_s01_the_names_of_headers_are_read_in_any_case(way_in, case):
    given = {case(name): value for name, value in headers().items()}

    assert way_in.post("/webhooks/shopify", content=BODY, headers=given).status_code == 200
    assert len(kept()) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_s01_no_other_method_is_taken(way_in, method):
    assert way_in.request(method, "/webhooks/shopify").status_code == 405
