"""Outcomes: what a provider's answer, or its silence, makes of a message."""

import random
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin.channels.base import SendError
from plugin.channels.registry import CHANNELS
from plugin.messages.record import record_message_event
from storage import consent
from storage.consent_ledger import ConsentSource, ConsentState
from storage.messages import Message, MessageState, SkipReason, set_state

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
# The waits double from one minute to six hours: the 19th try comes 67 hours after the first at
# the latest, inside the 72 that mail may be put off for (RFC 5321, 4.5.4.1 asks for 4 to 5 days).
MAX_ATTEMPTS = 19
RETRY_AFTER_DOUBT = timedelta(minutes=10)  # before a transactional mail in doubt goes out once more
COUPON_WAIT = timedelta(seconds=30)  # before a message tries again to get a discount code


def apply_result(
    session: Session, message: Message, refused: SendError | None, now: datetime
) -> None:
    """Write down a provider's answer; `refused` is None when it accepted."""
    if refused is None:
        message.sent_at = now
        set_state(session, message, MessageState.ACCEPTED)
        metric = CHANNELS[message.channel].metrics.received
        record_message_event(session, message, metric, str(message.id), at=now)
    elif refused.ambiguous:
        mark_ambiguous(session, message, now, again=now + backoff(message.send_attempts))
    elif not refused.is_about_message:
        message.send_attempts -= 1  # it was no try of this one
        reschedule(session, message, refused.until or now + backoff(1), reason_of(refused))
    elif refused.permanent:
        gone = refused.address_gone
        fail_message(session, message, SkipReason.ADDRESS_GONE if gone else SkipReason.REJECTED)
        if refused.address_gone and message.address:  # else the recipient was redacted meanwhile
            _mark_bounced(session, message, now)
    elif message.send_attempts >= MAX_ATTEMPTS:
        fail_message(session, message, SkipReason.GAVE_UP)
        if refused.address_doubtful and message.address:  # so it was said for days
            _mark_bounced(session, message, now)
    else:
        until = now + backoff(message.send_attempts)
        reschedule(session, message, until, SkipReason.TRY_AGAIN)


def reason_of(refused: SendError) -> SkipReason:
    """Why all messages wait, where a refusal is about none of them."""
    return SkipReason.SENDER_REFUSED if refused.sender_refused else SkipReason.RELAY_AWAY


def mark_ambiguous(session: Session, message: Message, now: datetime, *, again: datetime) -> None:
    """Record that the provider may or may not have accepted a message.

    A provider that detects repeats gets it `again` under the same key. Otherwise marketing goes at
    most once; what the recipient asked for goes once more, since missing is worse there than twice.
    """
    repeats_are_safe = CHANNELS[message.channel].detects_repeats(message.provider)
    if repeats_are_safe and message.send_attempts < MAX_ATTEMPTS:
        reschedule(session, message, again, SkipReason.TRY_AGAIN)
    elif message.transactional and message.send_attempts < 2:
        reschedule(session, message, now + RETRY_AFTER_DOUBT, SkipReason.TRY_AGAIN)
    else:
        set_state(session, message, MessageState.AMBIGUOUS, SkipReason.AMBIGUOUS)


def reschedule(session: Session, message: Message, until: datetime, reason: str) -> None:
    """Make a message due again at a later time."""
    set_state(session, message, MessageState.DUE, reason)
    message.due_at, message.lease_until, message.crashes = until, 0.0, 0


def skip_message(session: Session, message: Message, reason: str) -> None:
    """It must not go out, and will not."""
    set_state(session, message, MessageState.SKIPPED, reason)


def fail_message(session: Session, message: Message, reason: SkipReason) -> None:
    """It should have gone out and never will."""
    set_state(session, message, MessageState.FAILED, reason)


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many tries; up to half as long again by chance, so that what
    was put off together does not come back together.
    """
    doubled = FIRST_WAIT * 2 ** min(attempts - 1, 9)
    jittered: timedelta = doubled * (1 + random.random() / 2)
    return min(LONGEST_WAIT, jittered)


def _mark_bounced(session: Session, message: Message, now: datetime) -> None:
    """Mark the address as bounced: it is skipped until a shopper gives it anew."""
    consent.record_consent(
        session,
        [
            {
                "shop_id": message.shop_id,
                "id": message.id,
                "dedupe_key": f"bounced:{message.id}",
                "channel": message.channel,
                "address": message.address,
                "state": ConsentState.BOUNCED,
                "occurred_at": now,
                "recorded_at": now,
                "source": ConsentSource.BOUNCE,
                "profile_id": message.source_profile_id or message.profile_id,
                "legal_basis": "",
            }
        ],
    )
    metric = CHANNELS[message.channel].metrics.bounced
    record_message_event(session, message, metric, str(message.id), at=now)
