"""The gate: may this message go to this person now? None when it may, else the reason's code.

It is asked in the transaction that marks a message `sending`, so nobody changes the answer between.
"""

from collections.abc import Collection
from datetime import timedelta

from sqlmodel import Session

from plugin import clock
from storage import consent, preferences, privacy_requests
from storage.consent import Consent
from storage.consent_ledger import TRANSACTIONAL, LedgerKey
from storage.flows import LEFT, LIVE, get_enrolment, get_flow
from storage.messages import Message, sent_since
from storage.preferences import WEEKLY
from storage.profiles import EMAIL, PHONE, Profile
from storage.shops import Shop

# A text or a call for marketing needs a written agreement, which the caller has to prove:
# 47 CFR 64.1200(f)(9), (a)(2). Carriers count messages by RCS among texts.
NEEDS_WRITTEN_CONSENT = ("sms", "rcs", "voice")
PROOF_COLUMNS = ("disclosure", "form_version", "page", "ip", "user_agent", "occurred_at")
WEEKLY_INTERVAL = timedelta(days=7)

# Every reason that a message can carry, and what it says to the merchant.
REASONS = {
    # the gate's
    "shop_uninstalled": "The app is no longer installed on the shop.",
    "flow_off": "The flow was switched off before the message went out.",
    "left_flow": "The shopper left the flow before the message went out.",
    "no_profile": "The shopper's profile was deleted.",
    "no_address": "The shopper has no address for this channel.",
    "bounced": "The mailbox does not exist: an earlier message came back.",
    "unsubscribed": "The shopper has unsubscribed.",
    "suppressed": "The shopper asked to be forgotten and has not signed up again since.",
    "no_consent": "The shopper never agreed to marketing messages on this channel.",
    "pending": "The shopper has not confirmed the address yet.",
    "implied_expired": "The shopper's purchase allowed messages for a time, which is over.",
    "no_proof": "The law asks for proof of a consent to texts: the words shown, the form, the page,"
    " and whose device it was. It is not complete for this number.",
    "paused": "The shopper takes a break from messages.",
    "topic": "The shopper is not interested in what this flow is about.",
    "frequency": "The shopper wants one message a week at most, and has had it.",
    "stopped": "The shopper stopped every message on this channel, also those about orders.",
    "no_sender": "The shop has no sender address. Set it in the settings.",
    "no_postal_address": "The shop has no postal address, which the law wants in every marketing"
    " message. Set it in the settings.",
    # what befell the others
    "waits_for_coupon": "It waits for a discount code from the storefront.",
    "no_coupon": "The storefront gave no discount code for an hour.",
    "render": "The template could not be filled in for this shopper.",
    "no_template": "The template no longer exists.",
    "no_channel": "There is no way to send on this channel.",
    "try_again": "The mail relay asked to try again later.",
    "gave_up": "The mail relay kept putting it off for three days.",
    "rejected": "The mail relay refused the message.",
    "address_gone": "The mail relay says that this mailbox does not exist.",
    "ambiguous": "The line broke while it was handed over; it may have arrived.",
}


def reason_sentence(code: str) -> str:
    """What a reason says to the merchant, in English."""
    return REASONS.get(code.partition(":")[0], REASONS["left_flow"])


def skip_reason(
    session: Session, shop: Shop, message: Message, profile: Profile | None
) -> str | None:
    """Why this message must not go out now: a code of `REASONS`, or why its flow ended; else None.

    A transactional message (what its receiver asked for) needs no consent to marketing.
    """
    if shop.uninstalled_at is not None:
        return "shop_uninstalled"
    if reason := _flow(session, message):
        return reason
    if profile is None:
        return "no_profile"
    address = address_of(profile, message)
    if not address:
        return "no_address"
    if not shop.sender_email:
        return "no_sender"
    if reason := _consent(session, message, address) or _wishes(session, message, address):
        return reason
    if message.transactional or shop.postal_address.strip():
        return None
    return "no_postal_address"


def address_of(profile: Profile, message: Message) -> str | None:
    """Where a message reaches a shopper: what she asked for goes to the address that asked."""
    if message.idempotency_key.startswith("ask:"):
        return message.address
    held = {EMAIL: profile.email, PHONE: profile.phone}
    return held.get(privacy_requests.KIND_OF.get(message.channel, ""))


def _consent(session: Session, message: Message, address: str) -> str | None:
    """What the address allows on this very channel; a yes to another says nothing here."""
    shop_id, channel = message.shop_id, message.channel
    held = consent.get_consent(session, shop_id, channel, address)
    if not message.transactional:
        suppressed = bool(
            privacy_requests.suppressed_addresses(session, shop_id, [(channel, address)])
        )
        return _to_marketing(session, channel, held, suppressed=suppressed)
    if held is not None and held.state == consent.BOUNCED:
        return "bounced"
    service = consent.get_consent(session, shop_id, channel, address, TRANSACTIONAL)
    stopped = service is not None and service.state == consent.UNSUBSCRIBED
    return "stopped" if stopped else None


def consent_blocks(
    session: Session, shop_id: int, places: Collection[LedgerKey]
) -> dict[LedgerKey, str | None]:
    """What the gate would say to marketing at each (channel, address) for want of a consent: a
    code of `REASONS`, or None.
    """
    found = {
        (row.channel, row.address): row for row in consent.consents_of(session, shop_id, [*places])
    }
    suppressed = privacy_requests.suppressed_addresses(session, shop_id, places)
    return {
        place: _to_marketing(session, place[0], found.get(place), suppressed=place in suppressed)
        for place in places
    }


def _to_marketing(
    session: Session, channel: str, held: Consent | None, *, suppressed: bool
) -> str | None:
    if held is not None and held.state in consent.REFUSING_STATES:
        return held.state
    if suppressed:
        return "suppressed"
    if held is None:
        return f"no_consent:{channel}"
    if held.state == consent.PENDING:
        return "pending"
    if held.expires_at is not None and clock.now() > held.expires_at:
        return "implied_expired"
    return _proof(session, held) if channel in NEEDS_WRITTEN_CONSENT else None


def _wishes(session: Session, message: Message, address: str) -> str | None:
    """What she chose on the preference page; it says nothing of what she asked for."""
    chosen = preferences.get_preference(session, message.shop_id, message.channel, address)
    if message.transactional or chosen is None:
        return None
    now = clock.now()
    if chosen.paused_until is not None and chosen.paused_until > now:
        return "paused"
    flow = None
    if message.flow_id is not None:
        flow = get_flow(session, message.shop_id, message.flow_id)
    if flow is not None and flow.topic_id in chosen.declined_topic_ids:
        return "topic"
    of = (message.shop_id, message.profile_id, message.channel)
    if chosen.frequency == WEEKLY and sent_since(session, *of, now - WEEKLY_INTERVAL):
        return "frequency"
    return None


def _proof(session: Session, held: Consent) -> str | None:
    entry = consent.get_entry(session, held.shop_id, held.ledger_entry_id)
    complete = entry is not None and all(getattr(entry, name) for name in PROOF_COLUMNS)
    return None if complete else "no_proof"


def _flow(session: Session, message: Message) -> str | None:
    """A flow that was paused, or that the shopper left (she ordered), sends nothing more."""
    if message.flow_id is not None:
        flow = get_flow(session, message.shop_id, message.flow_id)
        if flow is None or flow.status != LIVE:
            return "flow_off"
    if message.enrolment_id is not None:
        enrolment = get_enrolment(session, message.shop_id, message.enrolment_id)
        if enrolment is not None and enrolment.state == LEFT:
            return enrolment.exit_reason or "left_flow"
    return None
