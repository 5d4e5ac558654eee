"""Reading Shopify's JSON: every personal field may be missing or null (protected customer data)."""

from datetime import datetime

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import IdentityKey
from plugin.values import parse_email, parse_phone, parse_time, to_minor_units
from storage.checkouts import LineItem
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind, RecordKind

MAX_NUMBER, MAX_DIGITS = 2**63 - 1, 18  # of 64 bits


def id_of(payload: JsonObject, name: str) -> int:
    """A whole number that must be there, such as an id."""
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedError(f"{name} is not a number")
    if abs(value) > MAX_NUMBER:
        raise MalformedError(f"{name} is a number of more than 64 bits")
    return value


def number_of(payload: JsonObject, name: str) -> int | None:
    """A whole number, where one is there: an odd line's product leads nowhere."""
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_NUMBER:
        return None
    return value


def text_of(payload: JsonObject, name: str) -> str:
    """Text, or nothing."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def own_domain(payload: JsonObject) -> str:
    """Return the store that a body is about. The signature covers no header: without this check, a
    signed body could be replayed as another topic of another store.
    """
    found = text_of(payload, "myshopify_domain")
    if not found:
        raise MalformedError("myshopify_domain is not there")
    return found


def object_of(payload: JsonObject, name: str) -> JsonObject:
    """An object inside, or an empty one."""
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def objects_of(payload: JsonObject, name: str) -> list[JsonObject]:
    """A list of objects inside, or an empty one."""
    value = payload.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def gid(value: object) -> int | None:
    """The number at the end of a global id: gid://shopify/Order/5 is 5."""
    tail = str(value or "").rpartition("/")[2].partition("?")[0]
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) <= MAX_DIGITS else None


def in_shop_money(bag: object, plain: object, currency: str, name: str) -> int:
    """An amount in minor units of the shop's currency: of a `…_set`, or else the plain one."""
    amount = object_of(bag, "shop_money").get("amount") if isinstance(bag, dict) else None
    return to_minor_units(plain if amount is None else amount, currency, name)


def as_presented(bag: object, currency: str, times: int = 1) -> JsonObject:
    """What the shopper saw of an amount, where that was another currency than the shop's.

    {presentment_value: in its minor units, presentment_currency}, for an event's properties.
    """
    seen = object_of(bag, "presentment_money") if isinstance(bag, dict) else {}
    code = text_of(seen, "currency_code")
    if not code or code == currency:
        return {}
    value = to_minor_units(seen.get("amount") or 0, code, "presentment_money") * times
    return {"presentment_value": value, "presentment_currency": code}


def reported_time(payload: JsonObject, otherwise: datetime) -> datetime:
    """When the storefront sent this word; the digest adds it, a reading of the past has none."""
    triggered_at = payload.get("triggered_at")
    return parse_time(triggered_at, "X-Shopify-Triggered-At") if triggered_at else otherwise


def customer_keys(customer: JsonObject) -> tuple[IdentityKey, ...]:
    """What a customer is known by."""
    return facts.identity_keys(
        (IdentityKind.CUSTOMER, customer.get("id")),
        (IdentityKind.EMAIL, parse_email(customer.get("email"))),
        (IdentityKind.PHONE, parse_phone(customer.get("phone"))),
    )


def buyer_keys(payload: JsonObject) -> tuple[IdentityKey, ...]:
    """What the person behind a checkout or an order is known by.

    Where it names a customer, its own address and number are only where the receipt went: staff at
    the till have it sent to the store, a buyer to a friend.
    """
    customer = object_of(payload, "customer")
    return tuple(
        dict.fromkeys(
            (
                *customer_keys(customer if customer.get("id") else payload | {"id": None}),
                *facts.identity_keys(
                    (IdentityKind.CHECKOUT, payload.get("checkout_token") or payload.get("token")),
                    (IdentityKind.CART, payload.get("cart_token")),
                    (RecordKind.ORDER, payload.get("order_id")),
                ),
            )
        )
    )


def buyer_fields(payload: JsonObject) -> dict[str, str | None]:
    """Name, address, country and language of the person behind a checkout or an order."""
    customer = object_of(payload, "customer")
    nameless = payload | {"email": None, "phone": None} if customer.get("id") else payload
    return known_fields(customer, nameless)


def known_fields(*sources: JsonObject) -> dict[str, str | None]:
    """Name, address, country and language as the sources give them; the first one wins.

    Who buys is the customer, or else who pays: a parcel may go to another person.
    """
    found: dict[str, str | None] = {}
    for source in sources:
        address = object_of(source, "default_address") or object_of(source, "billing_address")
        said = {
            "email": parse_email(source.get("email")),
            "phone": parse_phone(source.get("phone"), text_of(address, "country_code") or None),
            "first_name": text_of(source, "first_name") or text_of(address, "first_name"),
            "last_name": text_of(source, "last_name") or text_of(address, "last_name"),
            "country": text_of(address, "country_code"),
            "locale": text_of(source, "locale") or text_of(source, "customer_locale"),
        }
        for name, value in said.items():
            if value:
                found.setdefault(name, value)
    return found


def line_items(payload: JsonObject, currency: str) -> list[LineItem]:
    """The lines of a cart or checkout, in the shopper's language where it is told; prices in minor
    units of `currency`.
    """
    return [
        {
            "title": text_of(line, "presentment_title") or text_of(line, "title"),
            "variant_title": text_of(line, "presentment_variant_title")
            or text_of(line, "variant_title"),
            "quantity": id_of(line, "quantity"),
            "price": in_shop_money(
                line.get("price_set"), line.get("price") or 0, currency, "line_items.price"
            ),
            "product_id": number_of(line, "product_id"),
            "variant_id": number_of(line, "variant_id"),
        }
        for line in objects_of(payload, "line_items")
    ]
