"""Tell whether a text that came from outside names a data subject."""

import re
from collections.abc import Sequence

from plugin.privacy.email_search import EmailSearch
from plugin.privacy.escapes import unescape
from plugin.privacy.phone_search import PhoneSearch
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind, RecordKind

NUMBERED = (
    IdentityKind.CUSTOMER,
    RecordKind.ORDER,
    RecordKind.SUBSCRIPTION,
)  # the storefront's own ids
TOKEN = r'"(?:id|token|cart_token|checkout_token)"\s*:\s*"(?:%s)["?]'
# Whole numbers at once: one regular expression for each costs ten times as much (measured).
_SPACED = bytes(byte if 48 <= byte <= 57 else 32 for byte in range(256))


class SubjectMatcher:
    """Identities to look for in a text: addresses by any spelling, Shopify's ids as whole numbers,
    tokens of carts and checkouts where a body holds such.

    Never a text that a visitor merely typed: a browser's name, or a number that may be another's,
    could be a word that stands in every body.
    """

    def __init__(self, subject: DataSubject) -> None:
        keys = [key for key in subject.keys if key not in subject.unproven]
        of = {kind: [value for each, value in keys if each == kind] for kind, _ in keys}
        self._numbers = {
            value.encode() for kind in NUMBERED for value in of.get(kind, ()) if value.isdigit()
        }
        tokens = [
            re.escape(value)
            for kind in (IdentityKind.CART, IdentityKind.CHECKOUT)
            for value in of.get(kind, ())
        ]
        self._tokens = re.compile(TOKEN % "|".join(tokens)) if tokens else None
        self._emails = EmailSearch(of.get(IdentityKind.EMAIL, ()))
        self._phones = PhoneSearch(of.get(IdentityKind.PHONE, ()))

    def matches(self, body: bytes) -> bool:
        """Return whether the body of a webhook names the data subject."""
        return self.matches_text(body.decode("utf-8", "replace"))

    def matches_row(self, cells: Sequence[str]) -> bool:
        """Return whether a row of a file names the data subject."""
        return self.matches_text('"'.join(cells))

    def matches_text(self, text: str) -> bool:
        """Return whether a text names the data subject, by any spelling."""
        if self._numbers and not self._numbers.isdisjoint(text.encode().translate(_SPACED).split()):
            return True
        if self._tokens is not None and self._tokens.search(text):
            return True
        plain = unescape(text)
        return self._emails.is_in(plain) or self._phones.is_in(plain)
