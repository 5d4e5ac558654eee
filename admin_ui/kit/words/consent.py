"""Consent in words: what an address allows, and where its consent came from."""

from admin_ui.kit.language import Language
from admin_ui.kit.words.labels import label
from plugin.texts import N_
from storage.consent_ledger import ConsentEvent, ConsentPurpose, ConsentSource, ConsentState
from storage.messages import SkipReason

CONSENT: dict[str, str] = {
    "": N_("Not subscribed"),
    ConsentState.SUBSCRIBED: N_("Subscribed"),
    ConsentState.UNSUBSCRIBED: N_("Unsubscribed"),
    ConsentState.BOUNCED: N_("Bounced"),
    ConsentState.IMPLIED: N_("Implied by purchase"),
    ConsentState.PENDING: N_("Unconfirmed"),
}
CONSENT_SENTENCES: dict[str, str] = {
    "": N_("Can receive marketing."),
    SkipReason.NO_CONSENT: N_("Doesn't get marketing."),
    SkipReason.UNSUBSCRIBED: N_("Doesn't get marketing."),
    SkipReason.BOUNCED: N_("Emails bounce, so nothing is sent."),
    SkipReason.SUPPRESSED: N_(
        "Data deleted on request. Gets no marketing until they sign up again."
    ),
    SkipReason.MARKETPLACE: N_("A marketplace's address. Gets no marketing."),
    SkipReason.PENDING: N_("Gets no marketing until the address is confirmed."),
    SkipReason.IMPLIED_EXPIRED: N_("Implied consent from a purchase has expired."),
    SkipReason.NO_PROOF: N_("Subscribed, but the consent proof required by law is incomplete."),
}
OPEN_TRACKING: dict[str, str] = {
    ConsentState.SUBSCRIBED: N_("Open tracking allowed"),
    ConsentState.UNSUBSCRIBED: N_("Open tracking refused"),
}
SOURCES: dict[str, str] = {
    ConsentSource.FORM: N_("Sign-up form"),
    ConsentSource.STOREFRONT: N_("Shopify"),
    ConsentSource.ONE_CLICK: N_("One-click unsubscribe"),
    ConsentSource.LINK: N_("Link in an email"),
    ConsentSource.CONFIRMATION: N_("Confirmed by email"),
    ConsentSource.PREFERENCES: N_("Preference page"),
    ConsentSource.ORDER: N_("Purchase"),
    ConsentSource.MERCHANT: N_("Edited by your team"),
    ConsentSource.BOUNCE: N_("Email bounce"),
    "complaint": N_("Spam complaint"),
}


def consent_entry(entry: ConsentEvent, say: Language) -> str:
    """What an entry of the ledger says."""
    tracking = entry.purpose == ConsentPurpose.OPEN_TRACKING
    return label(OPEN_TRACKING if tracking else CONSENT, entry.state, say)


def consent_sentence(refusal: str | None, say: Language) -> str:
    """Whether an address can receive marketing, or why not, by the code of `eligibility`."""
    return label(CONSENT_SENTENCES, (refusal or "").partition(":")[0], say)
