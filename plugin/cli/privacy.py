"""Redact or export a shopper's data from the command line, found by an identity."""

from plugin import facts
from plugin.consent import proof
from plugin.errors import RegularsError
from plugin.facts import IdentityKey
from plugin.privacy import requests
from plugin.privacy.data_export import export_profile
from plugin.values import parse_email, parse_phone
from storage import shops
from storage.engine import db
from storage.profiles import IdentityKind
from storage.shops import Shop


def redact_customer(domain: str, email: str, phone: str, customer: str) -> bool:
    """Redact a shopper; False while deliveries about them wait to be digested.

    Raises:
        RegularsError: there is no such shop, or no identity was given.
    """
    shop = _shop(domain)
    return requests.redact_profile(shop.id, _keys(shop, email, phone, customer))


def export_customer(domain: str, email: str, phone: str, customer: str) -> str:
    """Return everything that we store about a shopper, as JSON.

    Raises:
        RegularsError: as for `redact_customer`.
    """
    shop = _shop(domain)
    return export_profile(shop.id, _keys(shop, email, phone, customer))


def consent_proof(domain: str, email: str, phone: str, customer: str, *, table: bool) -> str:
    """Return the proof of a shopper's consents, as JSON or as a table in CSV.

    Raises:
        RegularsError: as for `redact_customer`.
    """
    shop = _shop(domain)
    write = proof.proof_as_csv if table else proof.proof_as_json
    return write(shop.id, _keys(shop, email, phone, customer))


def _shop(domain: str) -> Shop:
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain.strip().lower())
    if shop is None:
        raise RegularsError(f"Store not found: {domain}.", 404)
    return shop


def _keys(shop: Shop, email: str, phone: str, customer: str) -> tuple[IdentityKey, ...]:
    number = customer.rpartition("/")[2]
    found = facts.identity_keys(
        (IdentityKind.EMAIL, parse_email(email)),
        (IdentityKind.PHONE, parse_phone(phone, shop.country or None)),
        (IdentityKind.CUSTOMER, number if number.isdigit() else None),
    )
    if len(found) < sum(1 for value in (email, phone, customer) if value):
        raise RegularsError("Enter a valid email, phone number or customer ID.", 400)
    if not found:
        raise RegularsError("Choose a customer: --email, --phone or --customer-id.", 400)
    return found
