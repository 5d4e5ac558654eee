"""Apply the app's mutations of the Admin API, and return userErrors."""

import json
from datetime import datetime
from typing import Any

from devstore.admin.resolvers import Answer, connection, discount, field, number, pixel
from devstore.shop.catalog import cents
from devstore.shop.database import Document
from devstore.shop.payloads import gid
from devstore.shop.store import Store

MOST_CODES, MOST_FIELDS = 250, 25  # a call: shopify.dev, discountRedeemCodeBulkAdd, metafieldsSet


def create_discount(store: Store, said: Document) -> Answer:
    """discountCodeBasicCreate."""
    errors = _faults(store, said, "basicCodeDiscount")
    value = (said.get("customerGets") or {}).get("value") or {}
    share, where = value.get("percentage"), ["customerGets", "value"]
    if share is None and not value.get("discountAmount"):
        errors.append(_fault("basicCodeDiscount", where, "BLANK", "Value can't be blank"))
    elif share is not None and not 0 < share <= 1:
        where, why = [*where, "percentage"], "Value must be between 0.0 and 1.0"
        errors.append(_fault("basicCodeDiscount", where, "VALUE_OUTSIDE_RANGE", why))
    fixed = (value.get("discountAmount") or {}).get("amount")
    amount = cents(fixed) if fixed is not None else None
    if amount is not None and amount <= 0:
        where, why = [*where, "discountAmount", "amount"], "Value must be greater than 0"
        errors.append(_fault("basicCodeDiscount", where, "GREATER_THAN", why))
    return _made(store, said, errors, percentage=share, amount=amount)


def create_free_shipping(store: Store, said: Document) -> Answer:
    """discountCodeFreeShippingCreate."""
    errors = _faults(store, said, "freeShippingCodeDiscount")
    if not (said.get("destination") or {}).get("all"):
        why = "Destination can't be blank"
        errors.append(_fault("freeShippingCodeDiscount", ["destination"], "BLANK", why))
    return _made(store, said, errors, free_shipping=True)


def _made(store: Store, said: Document, errors: list[Answer], **takes_off: Any) -> Answer:
    if errors:
        return {"codeDiscountNode": None, "userErrors": errors}
    least = ((said.get("minimumRequirement") or {}).get("subtotal") or {}).get(
        "greaterThanOrEqualToSubtotal"
    )
    who = ((said.get("context") or {}).get("customers") or {}).get("add") or ()
    made = store.create_discount(
        said["code"],
        title=said.get("title") or said["code"],
        starts_at=_moment(said.get("startsAt")),
        ends_at=_moment(said.get("endsAt")),
        usage_limit=said.get("usageLimit"),
        once_per_customer=bool(said.get("appliesOncePerCustomer")),
        minimum=cents(least or 0),
        customers=[number(each, "Customer") for each in who],
        **takes_off,
    )
    return {"codeDiscountNode": discount(store, made), "userErrors": []}


def _faults(store: Store, said: Document, argument: str) -> list[Answer]:
    """What speaks against a discount, in Shopify's words where they are known."""
    found: list[tuple[str, str, str]] = []
    if not said.get("code"):
        found.append(("code", "BLANK", "Code can't be blank"))
    elif len(said["code"]) > 255:
        found.append(("code", "TOO_LONG", "Code is too long (maximum is 255 characters)"))
    elif store.taken(said["code"]):
        found.append(("code", "TAKEN", "Code must be unique. Please try a different code."))
    if not said.get("title"):
        found.append(("title", "BLANK", "Title can't be blank"))
    if not said.get("startsAt"):
        found.append(("startsAt", "BLANK", "Starts at can't be blank"))
    if not (said.get("context") or {}):
        found.append(("context", "BLANK", "Context can't be blank"))
    return [_fault(argument, [path], code, message) for path, code, message in found]


def _fault(argument: str, path: list[str], code: str, message: str) -> Answer:
    return {"field": [argument, *path], "code": code, "message": message, "extraInfo": None}


def add_codes(store: Store, discount_id: str, codes: list[Document]) -> Answer:
    """discountRedeemCodeBulkAdd: Shopify answers before it is done, so ask again by the id."""
    kept = store.discount(number(discount_id, "DiscountCodeNode"))
    if kept is None:
        return _no_bulk("discountId", "INVALID", "Code discount does not exist.")
    if len(codes) > MOST_CODES:
        return _no_bulk("codes", "EXCEEDED_MAX", f"Codes can't be more than {MOST_CODES}.")
    wanted = [each["code"] for each in codes]
    added = store.add_codes(kept["id"], wanted)
    at = store.now().isoformat()
    bulk = {"id": store.next_id("bulk"), "discount": kept["id"], "codes": wanted, "added": added}
    store.set(f"bulk {bulk['id']}", {**bulk, "at": at})
    told = bulk_creation(store, bulk["id"])
    return {
        "bulkCreation": {**(told or {}), "done": False, "importedCount": 0, "failedCount": 0},
        "userErrors": [],
    }


def bulk_creation(store: Store, number: int) -> Answer | None:
    """How a bulk of codes went."""
    kept: Document | None = store.setting(f"bulk {number}")
    if kept is None:
        return None
    added, whole = set(kept["added"]), store.discount(kept["discount"])

    def code(text: str) -> Answer:
        taken = {"field": None, "code": "TAKEN", "message": "must be unique", "extraInfo": None}
        return {"code": text, "errors": [] if text in added else [taken]}

    def codes(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return connection(kept["codes"] if kept else [], code, first, after)

    return {
        "id": gid("DiscountRedeemCodeBulkCreation", number),
        "codes": codes,
        "codesCount": len(kept["codes"]),
        "createdAt": kept["at"],
        "discountCode": discount(store, whole) if whole else None,
        "done": True,
        "failedCount": len(kept["codes"]) - len(added),
        "importedCount": len(added),
    }


def _no_bulk(where: str, code: str, message: str) -> Answer:
    fault = {"field": [where], "code": code, "message": message, "extraInfo": None}
    return {"bulkCreation": None, "userErrors": [fault]}


def create_pixel(store: Store, said: Document) -> Answer:
    """webPixelCreate: an app has one pixel on a shop."""
    if store.pixel:
        return _no_pixel("TAKEN", "Web pixel is already taken.")
    return _kept_pixel(store, said)


def update_pixel(store: Store, identifier: str, said: Document) -> Answer:
    """webPixelUpdate."""
    if store.pixel is None or identifier != gid("WebPixel", store.pixel["id"]):
        return _no_pixel("NOT_FOUND", "Web pixel does not exist.")
    return _kept_pixel(store, said)


def _kept_pixel(store: Store, said: Document) -> Answer:
    settings = said["settings"]
    if isinstance(settings, str):
        try:
            settings = json.loads(settings)
        except ValueError:
            settings = None
    if not isinstance(settings, dict):
        return _no_pixel("INVALID_SETTINGS", "Settings must be an object.")
    store.set_pixel(settings)
    return {"webPixel": pixel(store), "userErrors": []}


def _no_pixel(code: str, message: str) -> Answer:
    fault = {"field": ["webPixel"], "code": code, "message": message}
    return {"webPixel": None, "userErrors": [fault]}


def set_metafields(store: Store, said: list[Document]) -> Answer:
    """metafieldsSet: all or none."""
    errors = []
    if len(said) > MOST_FIELDS:
        why = f"Exceeded the maximum metafields input limit of {MOST_FIELDS}."
        errors.append(_field_fault(0, [], "LESS_THAN_OR_EQUAL_TO", why))
    for at, each in enumerate(said):
        errors += _field_faults(store, at, each)
    if errors:
        return {"metafields": None, "userErrors": errors}
    with store.transaction():
        kept = [
            store.set_metafield(
                each["ownerId"],
                each.get("namespace") or "$app",
                each["key"],
                type=each["type"],
                value=each["value"],
            )
            for each in said
        ]
    return {"metafields": [field(each) for each in kept], "userErrors": []}


def _field_faults(store: Store, at: int, said: Document) -> list[Answer]:
    found = []
    if not _is_owner(store, said["ownerId"]):
        found.append(_field_fault(at, ["ownerId"], "INVALID", "Owner does not exist."))
    if not said.get("type"):
        found.append(_field_fault(at, ["type"], "BLANK", "Type can't be blank"))
    if not said["value"]:
        found.append(_field_fault(at, ["value"], "BLANK", "Value can't be blank"))
    elif said.get("type") == "json":
        try:
            json.loads(said["value"])
        except ValueError:
            why = "Value is invalid JSON."
            found.append(_field_fault(at, ["value"], "INVALID_VALUE", why))
    return found


def _is_owner(store: Store, identifier: str) -> bool:
    """Whether something there may hold metafields: the app itself, or a customer."""
    head, _, number = identifier.rpartition("/")
    if head == "gid://shopify/Customer" and number.isdigit():
        return store.customer(int(number)) is not None
    return identifier == store.installation_gid


def _field_fault(at: int, path: list[str], code: str, message: str) -> Answer:
    where = ["metafields", str(at), *path]
    return {"field": where, "code": code, "message": message, "elementIndex": at}


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
