"""Consent in words: what an address allows, and where its consent came from."""

from plugin.texts import N_

CONSENT = {
    "subscribed": N_("Subscribed"),
    "unsubscribed": N_("Unsubscribed"),
    "bounced": N_("Mail comes back"),
    "implied": N_("Allowed for a time by a purchase"),
    "pending": N_("Not confirmed yet"),
}
CONSENT_SENTENCES = {
    "": N_("Gets marketing."),
    "unsubscribed": N_("Has unsubscribed, and gets no marketing."),
    "bounced": N_("Mail comes back from this address: nothing is sent."),
    "suppressed": N_("Asked to be forgotten, and gets nothing before signing up anew."),
    "no_consent": N_("Never agreed to marketing, and gets none."),
    "pending": N_("Has not confirmed the address yet, and gets no marketing."),
    "implied_expired": N_("A purchase allowed marketing for a time, which is over."),
    "no_proof": N_(
        "Said yes, but the proof that the law asks for is not complete: gets no marketing."
    ),
}
SOURCES = {
    "form": N_("Sign-up form"),
    "storefront": N_("Shopify"),
    "one-click": N_("One-click unsubscribe of the mail program"),
    "link": N_("Link in a message"),
    "confirmation": N_("Confirmed by mail"),
    "preferences": N_("Preference page"),
    "order": N_("Purchase"),
    "merchant": N_("Changed by the shop"),
    "bounce": N_("The mail relay's answer"),
    "complaint": N_("Reported as spam"),
}
