"""Signatures of those who call us: one function a signer. All compare bytes in constant time."""

import binascii
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import unquote_plus

PROXY_TOLERANCE_S = 90  # as Shopify's own libraries have it


def is_shopify_webhook(body: bytes, signature: bytes, secrets: Sequence[bytes]) -> bool:
    """Whether Shopify signed this body: base64 HMAC-SHA256 of its raw bytes under our secret.

    Several secrets count while the client secret is rotated.
    """
    for secret in secrets:
        ours = binascii.b2a_base64(hmac.digest(secret, body, "sha256"), newline=False)
        if hmac.compare_digest(ours, signature):
            return True
    return False


def proxy_params(query: bytes, secrets: Sequence[bytes], now: float) -> dict[str, str] | None:
    """The parameters that Shopify's app proxy vouches for, or None when it does not.

    The signature is the hex HMAC-SHA256 of `k=v` pairs, sorted, with no separator; values of a
    repeated parameter are joined by a comma. A repeated `shop` is refused.
    """
    pairs: dict[str, list[str]] = {}
    for part in query.split(b"&"):
        if part:
            name, _, value = part.decode("latin-1").partition("=")
            pairs.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    given = pairs.pop("signature", [])
    if len(given) != 1 or any(len(pairs.get(name, [])) != 1 for name in ("shop", "timestamp")):
        return None
    text = "".join(sorted(f"{name}={','.join(values)}" for name, values in pairs.items())).encode()
    signed = given[0].encode()
    if not any(
        hmac.compare_digest(hmac.new(secret, text, hashlib.sha256).hexdigest().encode(), signed)
        for secret in secrets
    ):
        return None
    stamp = pairs["timestamp"][0]
    if not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp[:12])) > PROXY_TOLERANCE_S:
        return None
    return {name: ",".join(values) for name, values in pairs.items()}
