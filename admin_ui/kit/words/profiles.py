"""Label profiles: what to call a shopper, their identities, and the sources of their fields."""

from admin_ui.kit.language import Language
from plugin.texts import N_
from storage.profiles import DataSource, IdentityKind, Profile, RecordKind
from storage.properties import PropertyType

TYPES: dict[str, str] = {
    PropertyType.TEXT: N_("Text"),
    PropertyType.NUMBER: N_("Number"),
    PropertyType.DATE: N_("Date"),
    PropertyType.BOOLEAN: N_("Yes/No"),
    PropertyType.CHOICE: N_("Single choice"),
    PropertyType.CHOICES: N_("Multiple choice"),
}
IDENTITIES: dict[str, str] = {
    IdentityKind.EMAIL: N_("Email address"),
    IdentityKind.PHONE: N_("Phone"),
    IdentityKind.CUSTOMER: N_("Shopify customer"),
    IdentityKind.BROWSER: N_("Browser"),
    IdentityKind.CART: N_("Cart"),
    IdentityKind.CHECKOUT: N_("Checkout"),
    IdentityKind.PUSH: N_("Push notifications"),
    RecordKind.ORDER: N_("Order"),
    RecordKind.SUBSCRIPTION: N_("Subscription"),
    IdentityKind.EXTERNAL: N_("External ID"),
}
DEVICES = {"phone": N_("Mobile phone"), "tablet": N_("Tablet"), "computer": N_("Computer")}
PLACES: dict[str, str] = {
    DataSource.SHOPIFY: N_("from Shopify"),
    DataSource.FORM: N_("from a form"),
    DataSource.UNPROVEN: N_("from a form, unverified"),
    DataSource.MERCHANT: N_("edited by your team"),
    DataSource.PREFERENCES: N_("chosen on the preference page"),
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
