"""Record opens, clicks and unsubscribes of a message as events and ledger entries."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from plugin import clock
from plugin.channels.base import ChannelMetrics
from plugin.channels.registry import CHANNELS
from plugin.messages.links import Target
from plugin.messages.record import record_message_event
from storage import consent
from storage.consent_ledger import ConsentEntry, ConsentSource, ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import Message, get_message, lock_message
from storage.profiles import get_profile
from storage.shops import get_shop

CLOCK_STEP = timedelta(microseconds=1)

log = structlog.get_logger()
# Those who say what they are: mail scanners, link previews, tools. A browser says none of this.
_SCANNER = re.compile(
    r"bot\b|crawl|spider|preview|scan|proofpoint|mimecast|barracuda|safelinks|urldefense|curl/|wget"
    r"|python-|go-http-client|java/|okhttp|libwww|slackbot|facebookexternalhit|whatsapp/|^$",
    re.IGNORECASE,
)
# Apple's Mail Privacy Protection loads every picture, read or not, and says no more than this.
_PREFETCH = re.compile(r"^Mozilla/5\.0$")


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who followed a link, as far as the request says."""

    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """What the unsubscribe page shows."""

    shop_name: str
    shop_url: str
    locale: str
    subscribed: bool


def record_click(target: Target, visitor: RequestOrigin, *, counts: bool = True) -> str | None:
    """Record a click and return its target, which is always a URL stored with the message.

    A click counts once for each link and minute; scanners are redirected but do not count. The
    shopper is redirected also if the database is too busy to record the click.
    """
    with db.reading() as session:
        message = get_message(session, target.shop_id, target.message_id)
    if message is None or target.number >= len(message.links):
        return None
    if counts and not _SCANNER.search(visitor.user_agent):
        try:
            _note_click(target)
        except db.TRANSIENT:
            log.warning("click.not_noted", shop=target.shop_id, message=target.message_id)
    return message.links[target.number]


def _note_click(target: Target) -> None:
    now = clock.now()
    with db.transaction() as session:
        message = lock_message(session, target.shop_id, target.message_id)
        if message is None or target.number >= len(message.links):
            return  # its recipient has just been redacted
        url = message.links[target.number]
        minute = f"{message.id}:{target.number}:{now:%Y%m%d%H%M}"
        if metrics := _metrics_of(message):
            record_message_event(session, message, metrics.clicked, minute, at=now, url=url)
        message.clicked_at = message.clicked_at or now
        session.add(message)


def record_open(target: Target, visitor: RequestOrigin) -> bool:
    """Note that a message's picture was loaded, unless its shopper refuses that; False when there
    is no such message.
    """
    now = clock.now()
    machine = bool(_PREFETCH.match(visitor.user_agent) or _SCANNER.search(visitor.user_agent))
    with db.transaction() as session:
        message = lock_message(session, target.shop_id, target.message_id)
        if message is None:
            return False
        place = (message.shop_id, message.channel, message.address)
        if consent.refuses_open_tracking(session, *place):
            return True
        key = f"{message.id}:{now:%Y%m%d%H%M}{':machine' if machine else ''}"
        if metrics := _metrics_of(message):
            record_message_event(session, message, metrics.opened, key, at=now, machine=machine)
        if not machine:
            message.opened_at = message.opened_at or now
            session.add(message)
        return True


def _metrics_of(message: Message) -> ChannelMetrics | None:
    """Return the metrics of a message's channel; None if the channel was removed since."""
    spec = CHANNELS.get(message.channel)
    return spec and spec.metrics


def unsubscribe_page(target: Target) -> UnsubscribePage | None:
    """What the unsubscribe page shows; None when there is no such message."""
    with db.reading() as session:
        message = address_of_message(get_message(session, target.shop_id, target.message_id))
        return None if message is None else _way_out(session, message)


def lock_addressed(session: Session, target: Target) -> Message | None:
    """Lock the message behind a token, before a change of its recipient's consent.

    The shop's lock comes first: a digest holds it, and the consent, before any message.
    """
    db.lock_shop(session, target.shop_id)
    return address_of_message(lock_message(session, target.shop_id, target.message_id))


def address_of_message(message: Message | None) -> Message | None:
    """Return the message; None if it is missing or its recipient was redacted since."""
    return message if message is not None and message.address else None


def unsubscribe(
    target: Target, visitor: RequestOrigin, *, source: ConsentSource, words: str
) -> UnsubscribePage | None:
    """Take a message's address off marketing, and keep the proof; None when there is no message."""
    return _change(target, visitor, ConsentState.UNSUBSCRIBED, source, words=words)


def subscribe_again(
    target: Target, visitor: RequestOrigin, *, words: str
) -> UnsubscribePage | None:
    """Undo `unsubscribe` on the shopper's own word."""
    return _change(target, visitor, ConsentState.SUBSCRIBED, ConsentSource.LINK, words=words)


def _change(
    target: Target,
    visitor: RequestOrigin,
    state: ConsentState,
    source: ConsentSource,
    *,
    words: str,
) -> UnsubscribePage | None:
    now = clock.now()
    with db.transaction() as session:
        message = lock_addressed(session, target)
        if message is None:
            return None
        held = consent.get_consent(session, message.shop_id, message.channel, message.address)
        if held is None or held.state != state:
            # The clock of the previous entry's writer may be ahead; the new entry comes after it.
            at = now if held is None else max(now, held.changed_at + CLOCK_STEP)
            row = _entry(message, visitor, state, source, words=words, now=at)
            row["recorded_at"] = now
            consent.record_consent(session, [row])
            stopped = state == ConsentState.UNSUBSCRIBED
            metric = "Unsubscribed" if stopped else "Subscribed"
            record_message_event(session, message, metric, row["dedupe_key"], at=now, source=source)
            if stopped:
                message.unsubscribed_at = message.unsubscribed_at or now
                session.add(message)
        return _way_out(session, message)


def _entry(
    message: Message,
    visitor: RequestOrigin,
    state: ConsentState,
    source: ConsentSource,
    *,
    words: str,
    now: datetime,
) -> ConsentEntry:
    return {
        "shop_id": message.shop_id,
        "id": new_id(),
        "dedupe_key": f"{state}:{message.id}:{now.isoformat()}",
        "channel": message.channel,
        "address": message.address,
        "state": state,
        "occurred_at": now,
        "recorded_at": now,
        "source": source,
        "profile_id": message.source_profile_id or message.profile_id,
        "disclosure": words,
        "ip": visitor.ip,
        "user_agent": visitor.user_agent[:500],
    }


def _way_out(session: Session, message: Message) -> UnsubscribePage:
    shop = get_shop(session, message.shop_id)
    assert shop is not None
    profile = get_profile(session, message.shop_id, message.profile_id)
    state = consent.consent_state(session, message.shop_id, message.channel, message.address)
    wanted = profile.locale if profile else None
    return UnsubscribePage(
        shop_name=shop.name or shop.domain,
        shop_url=shop.url,
        locale=wanted or message.locale or shop.language or "en",
        subscribed=state == ConsentState.SUBSCRIBED,
    )
