"""Write due consents, tags and metafields to Shopify's customers.

Consent is read at Shopify before it is written: an equal or later state there is left alone.
Shopify goes by the moments, too: "The customer's consent state reflects the consent record with the
most recent date" (shopify.dev, CustomerEmailMarketingConsentState).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from plugin import clock
from plugin.errors import RegularsError
from plugin.jobs import Progress, SliceJob
from plugin.shopify.api.client import ShopifyError, query
from storage import consent, profiles, shops, write_backs
from storage.channels import Channel
from storage.consent_ledger import ConsentSource, ConsentState
from storage.engine import db
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind
from storage.write_backs import ON, WriteBack, WriteBackKind, WriteBackState

CLAIM_BATCH_SIZE = 50  # rows at a time; two calls a row are some 16 points of a shop's 100 a second
LEASE_S = 300.0
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
ANSWERS = "regulars"  # a namespace that the merchant's theme and other apps may read, too


log = structlog.get_logger()


def write_next_batch(shop_id: int) -> Progress:
    """Write the next rows that are due.

    What Shopify refuses stays as failed, with its words for the merchant. Any other trouble ends
    the slice: it would meet the next row as well, and all of them are tried again later.
    """
    rows = _claim(shop_id)
    spoke = all(_write(row) for row in rows)  # stops at the first row that meets trouble
    return Progress.MORE if rows and spoke else Progress.DONE


SLICE_JOB = SliceJob(
    "write_back",
    write_next_batch,
    write_backs.due_shops,
    interval=timedelta(seconds=2),
    slice_seconds=60.0,
)


def _claim(shop_id: int) -> Sequence[WriteBack]:
    with db.transaction() as session:
        return write_backs.claim_write_backs(
            session, shop_id, clock.now(), CLAIM_BATCH_SIZE, seconds=LEASE_S
        )


def _write(row: WriteBack) -> bool:
    """Write one thing; False when Shopify cannot be spoken to just now."""
    writers: dict[str, Callable[[WriteBack], WriteBackState]] = {
        WriteBackKind.TAG: _tag,
        WriteBackKind.METAFIELD: _metafield,
    }
    write = writers.get(row.kind, _consent)
    try:
        _settle(row, state=write(row), error="")
    except RegularsError as error:
        refused = isinstance(error, ShopifyError) and bool(error.user_errors)
        log.warning("write_back.refused", shop=row.shop_id, write_back=row.id, status=error.status)
        if refused:
            _settle(row, state=WriteBackState.FAILED, error=error.message)
            return True
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10))
        later = {"due_at": clock.now() + wait, "attempts": row.attempts + 1}
        _settle(row, state=WriteBackState.DUE, error=error.message, **later)
        return False
    return True


def _settle(row: WriteBack, **fields: Any) -> None:
    with db.transaction() as session:
        write_backs.settle_write_back(session, row, **fields)


def _consent(row: WriteBack) -> WriteBackState:
    """Bring an address's consent to the customer who has this address."""
    with db.reading() as session:
        held = consent.get_consent(session, row.shop_id, row.kind, row.name)
        entry = held and consent.get_entry(session, row.shop_id, held.ledger_entry_id)
    if held is None or (held.changed_at, held.state) != (row.requested_at, row.value):
        return (
            WriteBackState.DONE
        )  # the storefront reported something newer, or our entry has no effect
    by = "emailAddress" if row.kind == Channel.EMAIL else "phoneNumber"
    found = query(row.shop_id, "customer_consent", {"identifier": {by: row.name}})
    customer = found["customerByIdentifier"]
    if customer is None:
        customer = (
            _create(row)
            if row.kind == Channel.EMAIL and row.value == ConsentState.SUBSCRIBED
            else None
        )
    elif _stands(customer, row):
        return WriteBackState.DONE
    if customer is None:
        return WriteBackState.WAITING
    level = (
        "CONFIRMED_OPT_IN"
        if entry and entry.source == ConsentSource.CONFIRMATION
        else "SINGLE_OPT_IN"
    )
    document, variables = CONSENTS[row.kind](row, level)
    query(row.shop_id, document, {"input": {"customerId": customer["id"], **variables}})
    return WriteBackState.DONE


def _stands(customer: JsonObject, row: WriteBack) -> bool:
    """Whether a customer's consent is what it should be, or was given after what we know.

    Where Shopify never asked, a no has nothing to end.
    """
    state, at = _held(customer, row.kind)
    if state.lower() == row.value or (not state and row.value == ConsentState.UNSUBSCRIBED):
        return True
    return at is not None and datetime.fromisoformat(at) > row.requested_at


def _held(customer: JsonObject, channel: str) -> tuple[str, str | None]:
    email, phone = customer["defaultEmailAddress"], customer["defaultPhoneNumber"]
    if channel == Channel.EMAIL:
        return (email["marketingState"], email["marketingUpdatedAt"]) if email else ("", None)
    field = "smsMarketingConsent" if channel == Channel.SMS else "whatsAppMarketingConsent"
    held = phone and phone[field]
    return (held["state"], held["updatedAt"]) if held else ("", None)


def _create(row: WriteBack) -> JsonObject | None:
    """Make a customer of a subscriber, where the merchant wants that. Twice gives the same one."""
    with db.reading() as session:
        shop = shops.get_shop(session, row.shop_id)
        profile = profiles.get_profile(session, row.shop_id, row.profile_id or 0)
    if shop is None or not shop.create_customers:
        return None
    consent_input = {"email": row.name}
    if profile is not None and profile.email == row.name:
        known = {"firstName": profile.first_name, "lastName": profile.last_name}
        consent_input |= {name: text for name, text in known.items() if text}
    variables = {"identifier": {"email": row.name}, "input": consent_input}
    made: JsonObject = query(row.shop_id, "customer_set", variables)["customerSet"]["customer"]
    return made


def _email(row: WriteBack, level: str) -> tuple[str, Mapping[str, object]]:
    consent_input = {
        "marketingState": row.value.upper(),
        "consentUpdatedAt": row.requested_at.isoformat(),
    }
    consent_input |= _level(row, "marketingOptInLevel", level)
    return "consent_email", {"emailMarketingConsent": consent_input}


def _sms(row: WriteBack, level: str) -> tuple[str, Mapping[str, object]]:
    consent_input = {
        "marketingState": row.value.upper(),
        "consentUpdatedAt": row.requested_at.isoformat(),
    }
    consent_input |= _level(row, "marketingOptInLevel", level)
    return "consent_sms", {"smsMarketingConsent": consent_input}


def _whatsapp(row: WriteBack, level: str) -> tuple[str, Mapping[str, object]]:
    """In the Admin API since 2026-07, with other names for the same."""
    consent_input = {"state": row.value.upper(), "updatedAt": row.requested_at.isoformat()}
    consent_input |= _level(row, "optInLevel", level)
    return "consent_whatsapp", {"whatsAppMarketingConsent": consent_input}


def _level(row: WriteBack, name: str, level: str) -> dict[str, str]:
    return {name: level} if row.value == ConsentState.SUBSCRIBED else {}


CONSENTS: dict[str, Callable[[WriteBack, str], tuple[str, Mapping[str, object]]]] = {
    Channel.EMAIL: _email,
    Channel.SMS: _sms,
    Channel.WHATSAPP: _whatsapp,
}


def _tag(row: WriteBack) -> WriteBackState:
    document = "tags_add" if row.value == ON else "tags_remove"
    customers = _customers(row)
    for customer in customers:
        query(row.shop_id, document, {"id": customer, "tags": [row.name]})
    return WriteBackState.DONE if customers else WriteBackState.WAITING


def _metafield(row: WriteBack) -> WriteBackState:
    customers = _customers(row)
    for customer in customers:
        field = {
            "ownerId": customer,
            "namespace": ANSWERS,
            "key": row.name,
            "type": "single_line_text_field",
            "value": row.value,
        }
        query(row.shop_id, "metafields_set", {"metafields": [field]})
    return WriteBackState.DONE if customers else WriteBackState.WAITING


def _customers(row: WriteBack) -> list[str]:
    """The customers that a profile is, by their global ids."""
    with db.reading() as session:
        profile = profiles.get_profile(session, row.shop_id, row.profile_id or 0)
        if profile is None:
            return []
        known = profiles.identities_of(session, row.shop_id, [profile.id])
    return [
        f"gid://shopify/Customer/{each.value}"
        for each in known
        if each.kind == IdentityKind.CUSTOMER
    ]
