"""Secrets at rest: AES-256-GCM under a named key, so that keys can be rotated row by row."""

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96-bit nonces

_keys: dict[str, bytes] = {}
_current = ""


class SecretError(Exception):
    """A key is missing or a sealed value was changed."""


def set_keys(keys: dict[str, str]) -> None:
    """Set the installation's keys, by key id; the first one seals, all of them open.

    Raises:
        SecretError: there is no key, or one is shorter than 32 characters.
    """
    global _current
    if not keys or any(len(value) < 32 for value in keys.values()):
        raise SecretError("REGULARS_SECRET_KEY must hold at least 32 characters.")
    _keys.clear()
    _derived.cache_clear()
    _keys.update({key_id: value.encode() for key_id, value in keys.items()})
    _current = next(iter(keys))


def derive_key(purpose: str, key_id: str | None = None) -> tuple[str, bytes]:
    """A 32-byte key for one purpose, and the id of the key that it comes from.

    One key for one purpose: a signature made for a link must never pass as one for a cookie.
    """
    chosen = _current if key_id is None else key_id
    if chosen not in _keys:
        raise SecretError(f"There is no secret key with the id {chosen!r}.")
    return chosen, _derived(purpose, chosen)


@lru_cache(256)  # a few purposes; each takes a tenth of a millisecond
def _derived(purpose: str, key_id: str) -> bytes:
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
    return hkdf.derive(_keys[key_id])


def derive_keys(purpose: str) -> dict[str, bytes]:
    """The key for one purpose from each of the installation's keys, the current one first."""
    order = [_current, *(key_id for key_id in _keys if key_id != _current)]
    return dict(derive_key(purpose, key_id) for key_id in order)


def encrypt(text: str) -> bytes:
    """`key id : nonce + ciphertext`, in base64."""
    key_id, key = derive_key("at-rest")
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), key_id.encode())
    return f"{key_id}:".encode() + base64.b64encode(sealed)


def decrypt(sealed: bytes) -> str:
    """The text that `seal` was given.

    Raises:
        SecretError: the key is not known here, or the value was changed.
    """
    key_id, _, rest = sealed.decode().partition(":")
    raw = base64.b64decode(rest)
    _, key = derive_key("at-rest", key_id)
    try:
        plain = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], key_id.encode())
    except InvalidTag:
        raise SecretError("A sealed value does not open with its key.") from None
    return plain.decode()
