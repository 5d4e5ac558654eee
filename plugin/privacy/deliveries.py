"""Find and redact the raw deliveries that name a data subject."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import phonenumbers

from storage import data_subject, erasure
from storage.engine import db
from storage.inbox import DeliveryState
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind, RecordKind

# People write numbers with these between the digits; an address is compared without them as well.
SEPARATORS = b" -().+"
NUMBERED = (
    IdentityKind.CUSTOMER,
    RecordKind.ORDER,
    RecordKind.SUBSCRIPTION,
)  # the storefront's own ids
TOKEN = rb'"(?:id|token|cart_token|checkout_token)"\s*:\s*"(?:%s)["?]'
DIGITS = 7  # a shorter number stands in other numbers


class SubjectMatcher:
    """Identities to look for in a body: addresses anywhere, Shopify's ids as whole numbers, tokens
    of carts and checkouts where a body holds such.

    Never a text that a visitor merely typed: a browser's name, or a number that may be another's,
    could be a word that stands in every body.
    """

    def __init__(self, subject: DataSubject) -> None:
        keys = [key for key in subject.keys if key not in subject.unproven]
        numbers = [value for kind, value in keys if kind in NUMBERED and value.isdigit()]
        self._numbers = re.compile(
            b"|".join(rb"(?<!\d)%s(?!\d)" % number.encode() for number in numbers) or rb"(?!)"
        )
        tokens = [
            re.escape(value.encode())
            for kind, value in keys
            if kind in (IdentityKind.CART, IdentityKind.CHECKOUT)
        ]
        self._tokens = re.compile(TOKEN % b"|".join(tokens) if tokens else rb"(?!)")
        emails = [value for kind, value in keys if kind == IdentityKind.EMAIL]
        emails += [
            n
            for kind, value in keys
            if kind == IdentityKind.PHONE and len(n := national(value)) >= DIGITS
        ]
        self._words = {_flat(spelling) for value in emails for spelling in _spellings(value)} - {
            b""
        }

    def matches(self, body: bytes) -> bool:
        """Return whether a body names the data subject, in any case and spacing of digits."""
        flat = _flat(body)
        return (
            any(word in flat for word in self._words)
            or bool(self._numbers.search(body))
            or bool(self._tokens.search(body))
        )


def national(number: str) -> str:
    """The digits of a number in E.164 that it has everywhere, with or without its country's."""
    try:
        return str(phonenumbers.parse(number).national_number)
    except phonenumbers.NumberParseException:
        return number


def _spellings(value: str) -> tuple[bytes, bytes]:
    """As it is, and as JSON may escape it."""
    return value.encode(), value.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")


def _flat(text: bytes) -> bytes:
    return text.lower().translate(None, SEPARATORS)


def deliveries(shop_id: int, subject: DataSubject, until: datetime) -> Iterator[list[Any]]:
    """Yield the deliveries up to a moment that name the data subject, in batches."""
    needles, after = SubjectMatcher(subject), ""
    while True:
        with db.inbox_reading() as session:
            page = data_subject.deliveries_page(session, shop_id, after, until)
        if not page:
            return
        yield [row for row in page if needles.matches(bytes(row.body))]
        after = page[-1].webhook_id


def lines(shop_id: int, subject: DataSubject) -> Iterator[list[Any]]:
    """Yield the waiting lines of a backfill that name the data subject, in batches."""
    needles, after = SubjectMatcher(subject), ("", "", -1)
    while True:
        with db.reading() as session:
            page = data_subject.lines_page(session, shop_id, after)
        if not page:
            return
        yield [row for row in page if needles.matches(row.body.encode())]
        after = (page[-1].stage, page[-1].root, page[-1].line)


def redact_deliveries(shop_id: int, subject: DataSubject, until: datetime) -> int:
    """Empty the deliveries that name a data subject; return how many are kept until they are
    digested.
    """
    for named in lines(shop_id, subject):
        if named:
            with db.transaction() as session:
                erasure.delete_pairs(session, shop_id, [(row.stage, row.root) for row in named])
    waiting = 0
    for found in deliveries(shop_id, subject, until):
        waiting += sum(row.state == DeliveryState.NEW for row in found)
        settled = [row.webhook_id for row in found if row.state != DeliveryState.NEW]
        if settled:
            with db.inbox_transaction() as session:
                erasure.blank_deliveries(session, shop_id, settled)
    return waiting
