"""Sign and read the tokens of clicks, opens and unsubscribe links.

A token is 43 characters: key id, shop, message and link number under a 96-bit HMAC. It never
expires: an unsubscribe link must work for 60 days (CASL), and a link in an old mail should lead
somewhere.
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass

from plugin.settings import get_settings
from storage.engine import encryption

CLICK, OPEN, UNSUBSCRIBE = "link:click", "link:open", "link:unsubscribe"
PREFERENCES, ASK, SENDER = "link:preferences", "link:ask", "link:sender"
MAC_BYTES = 12
_BODY = struct.Struct(">qqH")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,120}\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """What a token stands for: one message, and one of its links."""

    shop_id: int
    message_id: int
    number: int = 0


def make_token(purpose: str, target: Target) -> str:
    """A token that `read_token` takes for this purpose alone."""
    key_id, key = encryption.derive_key(purpose)
    name = key_id.encode()
    body = _BODY.pack(target.shop_id, target.message_id, target.number)
    signed = bytes([len(name)]) + name + body
    return _encode(signed + _mac(key, signed))


def read_token(purpose: str, token: str) -> Target | None:
    """What a token stands for; None when we did not make it for this purpose."""
    if not _TOKEN.match(token):
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return None
    signed, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    # The last character has bits to spare: one spelling only.
    if _encode(raw) != token or len(signed) != 1 + signed[0] + _BODY.size:
        return None
    try:
        _, key = encryption.derive_key(purpose, signed[1 : 1 + signed[0]].decode())
    except (encryption.SecretError, UnicodeDecodeError):
        return None
    if not hmac.compare_digest(mac, _mac(key, signed)):
        return None
    return Target(*_BODY.unpack(signed[1 + signed[0] :]))


def click_url(target: Target) -> str:
    """Where a link in a mail leads: to us, who note the click and lead on."""
    return f"{_origin()}/l/{make_token(CLICK, target)}"


def open_url(target: Target) -> str:
    """The picture that a mail loads when it is opened."""
    return f"{_origin()}/o/{make_token(OPEN, target)}.gif"


def unsubscribe_url(target: Target) -> str:
    """Return the unsubscribe URL."""
    return f"{_origin()}/u/{make_token(UNSUBSCRIBE, target)}"


def preferences_url(target: Target) -> str:
    """Return the URL of the shopper's preference page."""
    return f"{_origin()}/p/{make_token(PREFERENCES, target)}"


def confirmation_url(target: Target) -> str:
    """Return the URL of a confirmation mail's button."""
    return f"{_origin()}/a/{make_token(ASK, target)}"


def sender_url(target: Target) -> str:
    """Return the URL of the link in a mail to a sender address; its row stands for the message."""
    return f"{_origin()}/s/{make_token(SENDER, target)}"


def _origin() -> str:
    return get_settings().url.rstrip("/")


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()[:MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
