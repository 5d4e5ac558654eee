"""App billing: the app offers a plan, the merchant decides on a page, and a webhook reports it."""

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from devstore.admin.resolvers import Answer, instant
from devstore.pages import render
from devstore.shop import payloads
from devstore.shop.database import Document
from devstore.shop.payloads import gid
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.shop.store import Store


def create(
    store: Store,
    name: str,
    lineItems: list[Document],  # noqa: N803  arguments have Shopify's names
    returnUrl: str,  # noqa: N803  as above
    *,
    test: bool = False,
    trialDays: int = 0,  # noqa: N803  as above
) -> Answer:
    """appSubscriptionCreate: a plan that waits for the merchant's word."""
    recurring = [(each["plan"] or {}).get("appRecurringPricingDetails") for each in lineItems]
    if len(recurring) != 1 or not recurring[0]:
        return _refused(["lineItems"], "The dev store offers one recurring price.")
    pricing = recurring[0]
    if Decimal(str(pricing["price"]["amount"])) <= 0:
        return _refused(["lineItems"], "Price must be greater than 0")
    made: Document = {
        "id": store.next_id("plan"),
        "name": name,
        "status": "PENDING",
        "price": str(pricing["price"]["amount"]),
        "currency": pricing["price"]["currencyCode"],
        "interval": pricing.get("interval") or "EVERY_30_DAYS",
        "trial_days": trialDays,
        "test": test,
        "return_url": returnUrl,
        "created_at": store.now().isoformat(),
    }
    store.set("plans", [*plans(store), made])
    url = f"{store.storefront_url}/admin/charges/{made['id']}/confirm"
    return {"appSubscription": subscription(made), "confirmationUrl": url, "userErrors": []}


def plans(store: Store) -> list[Document]:
    """Every plan that the app offered since it is on the shop."""
    found: list[Document] = store.setting("plans", [])
    return found


def active(store: Store) -> list[Answer]:
    """AppInstallation.activeSubscriptions."""
    return [subscription(each) for each in plans(store) if each["status"] == "ACTIVE"]


def subscription(row: Document) -> Answer:
    """An AppSubscription."""
    return {
        "id": gid("AppSubscription", row["id"]),
        "name": row["name"],
        "status": row["status"],
        "test": row["test"],
        "trialDays": row["trial_days"],
        "returnUrl": row["return_url"],
        "createdAt": instant(row["created_at"]),
    }


def decide(store: Store, number: int, *, approved: bool) -> Document:
    """Decide on a plan for the merchant; the one before it ends, and a webhook reports each."""
    with store.transaction():
        known = plans(store)
        chosen = next((each for each in known if each["id"] == number), None)
        if chosen is None or chosen["status"] != "PENDING":
            raise ShopError("This charge is not waiting for an answer.", 404)
        changed = [chosen]
        if approved:
            changed = [each for each in known if each["status"] == "ACTIVE"] + changed
        for each in changed:
            each["status"] = "CANCELLED"
        chosen["status"] = "ACTIVE" if approved else "DECLINED"
        store.set("plans", known)
        for each in changed:
            store.emit("app_subscriptions/update", payloads.plan(store, each))
    return chosen


def end(store: Store) -> None:
    """Shopify ends what was active, as when a bill stays unpaid for long."""
    with store.transaction():
        known = plans(store)
        for each in known:
            if each["status"] == "ACTIVE":
                each["status"] = "CANCELLED"
                store.emit("app_subscriptions/update", payloads.plan(store, each))
        store.set("plans", known)


def _refused(field: list[str], message: str) -> Answer:
    fault: dict[str, Any] = {"field": field, "message": message}
    return {"appSubscription": None, "confirmationUrl": None, "userErrors": [fault]}


async def confirm(request: Request) -> Response:
    """GET and POST /admin/charges/{id}/confirm: Shopify's page where the merchant decides."""
    store, number = shop_of(request), int(request.path_params["id"])
    if request.method == "POST":
        approved = (await request.form()).get("approve") == "1"
        chosen = decide(store, number, approved=approved)
        return RedirectResponse(chosen["return_url"] if approved else "/admin", 303)
    found = next((each for each in plans(store) if each["id"] == number), None)
    if found is None:
        raise ShopError("There is no such charge.", 404)
    now = store.now().astimezone(store.zone)
    html = render("admin/charge.html", shop=store, app=store.app, now=now, listed="app", plan=found)
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


routes = [Route("/admin/charges/{id:int}/confirm", confirm, methods=["GET", "POST"])]
