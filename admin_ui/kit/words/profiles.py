"""Label profiles: what to call a shopper, their identities, and the sources of their fields."""

from admin_ui.kit.language import Language
from plugin.texts import N_
from storage.profiles import DataSource, Profile

TYPES = {
    "text": N_("Text"),
    "number": N_("Number"),
    "date": N_("Date"),
    "boolean": N_("Yes/No"),
    "choice": N_("Single choice"),
    "choices": N_("Multiple choice"),
}
IDENTITIES = {
    "email": N_("Email address"),
    "phone": N_("Phone"),
    "customer_id": N_("Shopify customer"),
    "browser_id": N_("Browser"),
    "cart_token": N_("Cart"),
    "checkout_token": N_("Checkout"),
    "push_token": N_("Push notifications"),
    "order_id": N_("Order"),
    "subscription_id": N_("Subscription"),
    "external_id": N_("External ID"),
}
DEVICES = {"phone": N_("Mobile phone"), "tablet": N_("Tablet"), "computer": N_("Computer")}
PLACES: dict[str, str] = {
    DataSource.SHOPIFY: N_("from Shopify"),
    DataSource.FORM: N_("from a form"),
    DataSource.UNPROVEN: N_("from a form, unverified"),
    DataSource.MERCHANT: N_("edited by your team"),
    DataSource.IMPORT: N_("from an import"),
    "api": N_("from the API"),
}
DUPLICATE_REASONS = {
    "phone": N_("Same phone number"),
    "mailbox": N_("Same mailbox, spelled differently"),
    "typo": N_("Emails differ by one typo"),
    "name": N_("Same name and similar emails"),
}


def person(profile: Profile | None, say: Language) -> str:
    """Return what to call a shopper: their name, their address, or a visitor."""
    if profile is None:
        return say.text("A visitor")
    given, family = profile.first_name or "", profile.last_name or ""
    # Chinese, Japanese and Korean names stand family name first, without a space.
    cjk = any("\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in family)
    name = f"{family}{given}" if cjk else f"{given} {family}".strip()
    return name or profile.email or profile.phone or say.text("A visitor")
