"""Decide whether a message may be sent now: None if so, else its skip reason.

The check runs in the transaction that marks a message `sending`, so the result holds until then.
"""

from collections.abc import Collection
from datetime import timedelta

from sqlmodel import Session

from plugin import clock
from plugin.channels.marketplaces import is_relayed
from plugin.channels.registry import CHANNELS, NEEDS_WRITTEN_CONSENT
from plugin.messages.hearsay import is_hearsay
from plugin.messages.sender import choose_sender
from storage import checkouts, consent, preferences, suppressions
from storage.channels import IDENTITY_KIND, Channel
from storage.consent import Consent
from storage.consent_ledger import ConsentPurpose, ConsentState, LedgerKey
from storage.events import get_event
from storage.flows import EnrolmentState, ExitReason, FlowStatus, get_enrolment, get_flow
from storage.messages import Message, MessageSource, SkipReason
from storage.preferences import SendingFrequency
from storage.profiles import IdentityKind, Profile
from storage.shops import Shop
from storage.smart_sending import sent_since

PROOF_COLUMNS = ("disclosure", "form_version", "page", "ip", "user_agent", "occurred_at")
WEEKLY_INTERVAL = timedelta(days=7)


def skip_reason(
    session: Session, shop: Shop, message: Message, profile: Profile | None
) -> str | None:
    """Why this message must not go out now: a `SkipReason`, or why its flow ended; else None.

    A transactional message (what its receiver asked for) needs no consent to marketing.
    """
    if shop.uninstalled_at is not None:
        return SkipReason.SHOP_UNINSTALLED
    if reason := _flow(session, message):
        return reason
    if profile is None:
        return SkipReason.NO_PROFILE
    address = address_of(profile, message)
    if not address:
        return SkipReason.NO_ADDRESS
    spec = CHANNELS.get(message.channel)
    sender = choose_sender(session, shop) if spec is not None and spec.needs_sender else None
    if isinstance(sender, SkipReason):
        return sender
    if _is_hearsay(session, message):
        return SkipReason.HEARSAY
    if reason := _consent(session, message, address) or _wishes(session, message, address):
        return reason
    needed = spec is not None and spec.needs_postal_address and not message.transactional
    if needed and not shop.postal_address.strip():
        return SkipReason.NO_POSTAL_ADDRESS
    return _smart_sending(session, message)


def address_of(profile: Profile, message: Message) -> str | None:
    """Return the address of a message: one that was asked for goes to the address that asked."""
    if message.source == MessageSource.CONFIRMATION:
        return message.address
    held = {IdentityKind.EMAIL: profile.email, IdentityKind.PHONE: profile.phone}
    kind = IDENTITY_KIND.get(message.channel)
    return None if kind is None else held.get(kind)


def _consent(session: Session, message: Message, address: str) -> SkipReason | None:
    """What the address allows on this very channel; a yes to another says nothing here."""
    shop_id, channel = message.shop_id, message.channel
    held = consent.get_consent(session, shop_id, channel, address)
    if not message.transactional:
        suppressed = bool(suppressions.suppressed_addresses(session, shop_id, [(channel, address)]))
        return _to_marketing(session, (channel, address), held, suppressed=suppressed)
    if held is not None and held.state == ConsentState.BOUNCED:
        return SkipReason.BOUNCED
    service = consent.get_consent(
        session, shop_id, channel, address, purpose=ConsentPurpose.TRANSACTIONAL
    )
    stopped = service is not None and service.state == ConsentState.UNSUBSCRIBED
    return SkipReason.STOPPED if stopped else None


def consent_blocks(
    session: Session, shop_id: int, places: Collection[LedgerKey]
) -> dict[LedgerKey, SkipReason | None]:
    """Return, for each (channel, address) without marketing consent, its skip reason."""
    found = {
        (row.channel, row.address): row for row in consent.consents_of(session, shop_id, [*places])
    }
    suppressed = suppressions.suppressed_addresses(session, shop_id, places)
    return {
        place: _to_marketing(session, place, found.get(place), suppressed=place in suppressed)
        for place in places
    }


def _to_marketing(
    session: Session, place: LedgerKey, held: Consent | None, *, suppressed: bool
) -> SkipReason | None:
    if held is not None and held.state in consent.REFUSING_STATES:
        return SkipReason(held.state)
    if suppressed:
        return SkipReason.SUPPRESSED
    channel, address = place
    if channel == Channel.EMAIL and is_relayed(address):
        return SkipReason.MARKETPLACE
    if held is None:
        return SkipReason.NO_CONSENT
    if held.state == ConsentState.PENDING:
        return SkipReason.PENDING
    if held.expires_at is not None and clock.now() > held.expires_at:
        return SkipReason.IMPLIED_EXPIRED
    return _proof(session, held) if channel in NEEDS_WRITTEN_CONSENT else None


def _wishes(session: Session, message: Message, address: str) -> SkipReason | None:
    """Check the shopper's preferences, which do not apply to what they asked for."""
    chosen = preferences.get_preference(session, message.shop_id, message.channel, address)
    if message.transactional or chosen is None:
        return None
    now = clock.now()
    if chosen.paused_until is not None and chosen.paused_until > now:
        return SkipReason.PAUSED
    flow = None
    if message.flow_id is not None:
        flow = get_flow(session, message.shop_id, message.flow_id)
    if flow is not None and flow.topic_id in chosen.declined_topic_ids:
        return SkipReason.TOPIC
    of = (message.shop_id, message.profile_id, message.channel)
    if chosen.frequency == SendingFrequency.WEEKLY and sent_since(
        session, *of, since=now - WEEKLY_INTERVAL
    ):
        return SkipReason.FREQUENCY
    return None


def _smart_sending(session: Session, message: Message) -> SkipReason | None:
    """Skip what comes too soon after another message: of whichever flow, or of its own alone.

    As Klaviyo's does, it counts messages that themselves go out at any time, and neither stops nor
    counts what a shopper asked for.
    """
    if message.transactional or not (message.smart_sending or message.smart_sending_in_flow):
        return None
    since = clock.now() - CHANNELS[message.channel].smart_sending_window
    of = (message.shop_id, message.profile_id, message.channel)
    flow_id = None if message.smart_sending else message.flow_id
    too_soon = sent_since(session, *of, since=since, flow_id=flow_id)
    return SkipReason.SMART_SENDING if too_soon else None


def _is_hearsay(session: Session, message: Message) -> bool:
    """Whether what began this message is only a browser's word on an address that a form named."""
    if message.event_id is None:
        return False
    event = get_event(session, message.shop_id, message.event_id)
    return event is not None and is_hearsay(
        session, message.shop_id, message.profile_id, event.properties
    )


def _proof(session: Session, held: Consent) -> SkipReason | None:
    entry = consent.get_entry(session, held.shop_id, held.ledger_entry_id)
    complete = entry is not None and all(getattr(entry, name) for name in PROOF_COLUMNS)
    return None if complete else SkipReason.NO_PROOF


def _flow(session: Session, message: Message) -> str | None:
    """Skip messages of a flow that was paused, or that the shopper exited (by an order, say)."""
    if message.flow_id is not None:
        flow = get_flow(session, message.shop_id, message.flow_id)
        if flow is None or flow.status != FlowStatus.LIVE:
            return SkipReason.FLOW_OFF
    if message.enrolment_id is not None:
        enrolment = get_enrolment(session, message.shop_id, message.enrolment_id)
        if enrolment is not None and enrolment.state == EnrolmentState.EXITED:
            return enrolment.exit_reason or SkipReason.LEFT_FLOW
        if checkouts.is_over(session, message.shop_id, message.event_id):
            return ExitReason.CHECKOUT_OVER
    return None
