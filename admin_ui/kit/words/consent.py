"""Consent in words: what an address allows, and where its consent came from."""

from admin_ui.kit.language import Language
from admin_ui.kit.words.labels import label
from plugin.texts import N_

CONSENT = {
    "": N_("Not subscribed"),
    "subscribed": N_("Subscribed"),
    "unsubscribed": N_("Unsubscribed"),
    "bounced": N_("Bounced"),
    "implied": N_("Implied by purchase"),
    "pending": N_("Unconfirmed"),
}
CONSENT_SENTENCES = {
    "": N_("Can receive marketing."),
    "no_consent": N_("Doesn't get marketing."),
    "unsubscribed": N_("Doesn't get marketing."),
    "bounced": N_("Emails bounce, so nothing is sent."),
    "suppressed": N_("Data deleted on request. Gets no marketing until they sign up again."),
    "pending": N_("Gets no marketing until the address is confirmed."),
    "implied_expired": N_("Implied consent from a purchase has expired."),
    "no_proof": N_("Subscribed, but the consent proof required by law is incomplete."),
}
SOURCES = {
    "form": N_("Sign-up form"),
    "storefront": N_("Shopify"),
    "one-click": N_("One-click unsubscribe"),
    "link": N_("Link in an email"),
    "confirmation": N_("Confirmed by email"),
    "preferences": N_("Preference page"),
    "order": N_("Purchase"),
    "merchant": N_("Edited by your team"),
    "bounce": N_("Email bounce"),
    "complaint": N_("Spam complaint"),
}


def consent_sentence(refusal: str | None, say: Language) -> str:
    """Whether an address can receive marketing, or why not, by the code of `eligibility`."""
    return label(CONSENT_SENTENCES, (refusal or "").partition(":")[0], say)
