"""The gate: may this message go to this person now? None when it may, else the reason's code.

It is asked in the transaction that marks a message `sending`, so nobody changes the answer between.
"""

from sqlmodel import Session

from storage import consent, privacy
from storage.flows import LEFT, LIVE, get_enrolment, get_flow
from storage.messages import Message
from storage.profiles import Profile
from storage.shops import Shop

# Every reason that a message can carry, and what it says to the merchant.
REASONS = {
    # the gate's
    "shop_uninstalled": "The app is no longer installed on the shop.",
    "flow_off": "The flow was switched off before the message went out.",
    "left_flow": "The shopper left the flow before the message went out.",
    "no_profile": "The shopper's profile was deleted.",
    "no_address": "The shopper has no email address.",
    "bounced": "The mailbox does not exist: an earlier message came back.",
    "unsubscribed": "The shopper has unsubscribed.",
    "suppressed": "The shopper asked to be forgotten and has not signed up again since.",
    "no_consent": "The shopper never agreed to marketing messages.",
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


def sentence(code: str) -> str:
    """What a reason says to the merchant, in English."""
    return REASONS.get(code, REASONS["left_flow"])


def refusal(session: Session, shop: Shop, message: Message, profile: Profile | None) -> str | None:
    """Why this message must not go out now: a code of `REASONS`, or why its flow ended; else None.

    A transactional message (what its receiver asked for) needs no consent to marketing.
    """
    if shop.uninstalled_at is not None:
        return "shop_uninstalled"
    if reason := _flow(session, message):
        return reason
    if profile is None:
        return "no_profile"
    if not profile.email:
        return "no_address"
    if not shop.sender_email:
        return "no_sender"
    state = consent.consent_state(session, shop.id, message.channel, profile.email)
    if state == consent.BOUNCED:
        return "bounced"
    if message.transactional:
        return None
    if state == consent.UNSUBSCRIBED:
        return "unsubscribed"
    if privacy.suppressed(session, shop.id, [(message.channel, profile.email)]):
        return "suppressed"
    if state != consent.SUBSCRIBED:
        return "no_consent"
    return None if shop.postal_address.strip() else "no_postal_address"


def _flow(session: Session, message: Message) -> str | None:
    """A flow that was paused, or that the shopper left (she ordered), sends nothing more."""
    if message.flow_id is not None:
        flow = get_flow(session, message.shop_id, message.flow_id)
        if flow is None or flow.status != LIVE:
            return "flow_off"
    if message.enrolment_id is not None:
        enrolment = get_enrolment(session, message.shop_id, message.enrolment_id)
        if enrolment is not None and enrolment.state == LEFT:
            return enrolment.ended_because or "left_flow"
    return None
