"""Apply the app's mutations of customers in the Admin API, and return userErrors."""

from datetime import datetime
from typing import Any

from devstore.admin import history
from devstore.admin.resolvers import Answer, number
from devstore.shop.database import Document
from devstore.shop.products import ShopError
from devstore.shop.store import Store

# "Only three values are accepted as input": shopify.dev, customerEmailMarketingConsentUpdate
ACCEPTED = ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")
MOST_TAGS, LONGEST_TAG = 250, 255


def by_identifier(store: Store, identifier: Document) -> Answer | None:
    """customerByIdentifier."""
    found = _found(store, identifier, "emailAddress", "phoneNumber")
    return history.customer(store, found) if found else None


def set_customer(store: Store, input: Document, identifier: Document | None = None) -> Answer:
    """customerSet: the customer with this email, phone or id, made when there is none."""
    identifier = identifier or {}
    for name in ("email", "phone"):
        if identifier.get(name) and identifier[name] != input.get(name):
            why = "The identifier value does not match the value of the corresponding field"
            return _fault("customer", ["input"], "INPUT_MISMATCH", why)
    found = _found(store, identifier, "email", "phone")
    if found is None and identifier.get("id"):
        return _fault("customer", ["identifier"], "NOT_FOUND", "Customer does not exist.")
    email = input.get("email") or (found or {}).get("email")
    if not email:
        return _fault("customer", ["input", "email"], "INVALID", "Email is invalid")
    try:
        kept = store.register_customer(
            email,
            first_name=input.get("firstName"),
            last_name=input.get("lastName"),
            phone=input.get("phone"),
        )
    except ShopError:
        return _fault("customer", ["input", "email"], "INVALID", "Email is invalid")
    return {"customer": history.customer(store, kept), "userErrors": []}


def email_consent(store: Store, input: Document) -> Answer:
    """customerEmailMarketingConsentUpdate."""
    said = input["emailMarketingConsent"]
    return _consent(
        store,
        input["customerId"],
        "email",
        said["marketingState"],
        level=said.get("marketingOptInLevel"),
        at=said.get("consentUpdatedAt"),
    )


def sms_consent(store: Store, input: Document) -> Answer:
    """customerSmsMarketingConsentUpdate."""
    said = input["smsMarketingConsent"]
    return _consent(
        store,
        input["customerId"],
        "sms",
        said["marketingState"],
        level=said.get("marketingOptInLevel"),
        at=said.get("consentUpdatedAt"),
    )


def whatsapp_consent(store: Store, input: Document) -> Answer:
    """customerWhatsAppMarketingConsentUpdate."""
    said = input["whatsAppMarketingConsent"]
    done = _consent(
        store,
        input["customerId"],
        "whatsapp",
        said["state"],
        level=said.get("optInLevel"),
        at=said.get("updatedAt"),
    )
    customer = done["customer"]
    phone = customer["defaultPhoneNumber"] if customer else None
    return {"customerPhoneNumber": phone, "userErrors": done["userErrors"]}


def _consent(
    store: Store, customer: str, channel: str, state: str, *, level: str | None, at: str | None
) -> Answer:
    kept = store.customer(number(customer, "Customer"))
    if kept is None:
        return _fault("customer", ["input", "customerId"], "INVALID", "Customer not found")
    if not kept["email" if channel == "email" else "phone"]:
        needed = "an email address" if channel == "email" else "a phone number"
        why = f"The customer must have {needed} to update consent"
        return _fault("customer", ["input", "customerId"], "INVALID", why)
    if state not in ACCEPTED:
        why = "Marketing state is not included in the list"
        return _fault("customer", ["input"], "INCLUSION", why)
    try:
        kept = store.keep_consent(
            kept,
            channel,
            state.lower(),
            level=(level or "UNKNOWN").lower(),
            said_at=datetime.fromisoformat(at) if at else None,
        )
    except ShopError as error:
        return _fault("customer", ["input", "customerId"], "INVALID", str(error))
    return {"customer": history.customer(store, kept), "userErrors": []}


def tag(store: Store, id: str, tags: list[str], *, on: bool) -> Answer:
    """tagsAdd and tagsRemove; the dev store tags customers alone."""
    kept = store.customer(number(id, "Customer"))
    wanted = [text.strip() for each in tags for text in each.split(",") if text.strip()]
    why = ""
    if kept is None:
        why = "Customer does not exist"
    elif any(len(text) > LONGEST_TAG for text in wanted):
        why = f"Tag is too long (maximum is {LONGEST_TAG} characters)"
    elif on and len({*kept.get("tags", ()), *wanted}) > MOST_TAGS:
        why = f"Tags can't be more than {MOST_TAGS}"
    if why or kept is None:
        return {"node": None, "userErrors": [{"field": ["tags"], "message": why}]}
    kept = store.tag_customer(kept, wanted, on=on)
    return {"node": {"__typename": "Customer", **history.customer(store, kept)}, "userErrors": []}


def _found(store: Store, identifier: Document, email: str, phone: str) -> Document | None:
    if identifier.get("id"):
        return store.customer(number(identifier["id"], "Customer"))
    if identifier.get(email):
        return store.customer(str(identifier[email]))
    return store.customer_with(str(identifier[phone])) if identifier.get(phone) else None


def _fault(name: str, field: list[str], code: str, message: str) -> Answer:
    fault: dict[str, Any] = {"field": field, "code": code, "message": message}
    return {name: None, "userErrors": [fault]}
