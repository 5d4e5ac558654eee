"""Verify the session tokens that App Bridge sends with every request."""

from collections.abc import Mapping
from typing import NamedTuple

from plugin.errors import RegularsError
from plugin.shopify.api.client import clean_domain, decode_session_token


class SessionToken(NamedTuple):
    """The shop and the user that a token speaks for. The shop is taken from nowhere else."""

    domain: str
    user_id: str


def verify_session_token(token: str) -> SessionToken:
    """Return the shop and the user of a session token.

    Signature (HS256), audience, times with ten seconds of leeway and issuer are checked by
    Shopify's library against the real time; we also require an expiry, which it does not.

    Raises:
        RegularsError: 401 for any invalid token.
    """
    claims = decode_session_token(token) if isinstance(token, str) else None
    domain = _domain(claims) if claims else None
    if claims is None or domain is None or "exp" not in claims or "nbf" not in claims:
        raise RegularsError("Your session expired. Reload the page.", 401)
    return SessionToken(domain, str(claims["sub"]))


def _domain(claims: Mapping[str, object]) -> str | None:
    """Return the shop, if issuer and destination agree on it exactly."""
    dest, issuer = claims["dest"], claims["iss"]
    if not isinstance(dest, str) or not isinstance(issuer, str):
        return None
    domain = dest.removeprefix("https://")
    if dest != f"https://{domain}" or issuer != f"https://{domain}/admin":
        return None
    return domain if clean_domain(domain) == domain else None
