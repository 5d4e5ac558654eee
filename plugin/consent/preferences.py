"""The preference page: record a shopper's consents, topics and frequency, and mail them the link
for a data export or erasure.

The link's token came by mail to one address, so that this address is shown whole and the others are
not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin import clock, jobs
from plugin.channels.registry import CHANNELS
from plugin.facts import IdentityKey, PrivacyFact, ProfileFact, ProfileRef
from plugin.messages import confirmations
from plugin.messages.engagement import CLOCK_STEP, RequestOrigin, address_of_message, lock_addressed
from plugin.messages.links import Target
from plugin.messages.record import record_message_event
from plugin.privacy import requests
from plugin.profiles.identity import resolve_profiles
from plugin.settings import get_settings
from storage import confirmations as stored_confirmations
from storage import consent, contact_points, preferences, privacy_requests
from storage.channels import IDENTITY_KIND, STOREFRONT_CHANNELS, Channel
from storage.confirmations import ConfirmationKind
from storage.consent import REFUSING_STATES, ConsentRow, Key
from storage.consent_ledger import (
    ConsentEntry,
    ConsentPurpose,
    ConsentSource,
    ConsentState,
    LedgerKey,
)
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import Message, get_message
from storage.preferences import PreferenceRow, SendingFrequency
from storage.privacy_requests import PrivacyTopic
from storage.profiles import DataSource, IdentityKind, get_profile
from storage.shops import Shop, get_shop

VERSION = 2  # of the page's texts: raise it when they change, since the ledger records it
MONTH = timedelta(days=30)
PAUSES = (1, 3, 6)  # months


@dataclass(frozen=True, slots=True)
class PreferenceBox:
    """One box: whether messages of one purpose may come to one address on one channel."""

    key: str
    channel: Channel
    address: str
    shown: str
    purpose: ConsentPurpose
    on: bool
    refused: bool  # a no stands: to leave it unticked says nothing new


@dataclass(frozen=True, slots=True)
class PreferencePage:
    """What the page shows."""

    shop_name: str
    shop_url: str
    locale: str
    boxes: list[PreferenceBox]
    topics: list[tuple[int, str, bool]]
    weekly: bool
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class PreferenceUpdate:
    """A shopper's choices, parsed and bounded. `labels` are the words beside each box, and under
    "" those of the button that ends all.
    """

    boxes: frozenset[str]
    topics: frozenset[int]
    weekly: bool
    pause_months: int | None  # None leaves a pause as it is, 0 ends it
    language: str
    labels: dict[str, str]
    nothing: bool  # an end to marketing, also where no yes stands: a stop outlasts later purchases


def load_page(target: Target) -> PreferencePage | None:
    """What the page shows; None when there is no such message."""
    with db.reading() as session:
        message = address_of_message(get_message(session, target.shop_id, target.message_id))
        return None if message is None else _choices(session, message)


def save_choices(
    target: Target, wanted: PreferenceUpdate, visitor: RequestOrigin
) -> PreferencePage | None:
    """Save a shopper's choices; return the page as it stands after them."""
    now = clock.now()
    with db.transaction() as session:
        message = lock_addressed(session, target)
        if message is None:
            return None
        before = _choices(session, message)
        boxes = _boxes(session, message, whole=wanted.nothing)
        changed = [box for box in boxes if _is_changed(box, wanted)]
        consent.record_consent(
            session,
            [_entry(session, message, box, wanted, visitor=visitor, now=now) for box in changed],
        )
        if any(_ends_own(box, message, wanted) for box in changed):
            message.unsubscribed_at = message.unsubscribed_at or now  # counts for this mail
            session.add(message)
            session.flush()
        for metric in _metrics(changed, wanted):
            record_message_event(session, message, metric, str(new_id()), at=now)
        preferences.save_preferences(session, _wishes(message, before, wanted, now))
        if wanted.language != before.locale and message.channel == Channel.EMAIL:
            key = IdentityKey(IdentityKind.EMAIL, message.address)
            chosen = ProfileFact((key,), now, {"locale": wanted.language})
            chosen.source = DataSource.PREFERENCES
            resolve_profiles(session, message.shop_id, [chosen], now)
            session.expire_all()
        return _choices(session, message)


def request_by_mail(target: Target, kind: ConfirmationKind) -> bool:
    """Mail the link for a data export or an erasure; False when there is no message.

    Beyond the limit of requests nothing is mailed, and the answer stays the same.
    """
    now = clock.now()
    with db.transaction() as session:
        message = lock_addressed(session, target)
        if message is None or message.channel != Channel.EMAIL:
            return False
        shop = _shop(session, message)
        ref = ProfileRef(message.profile_id, message.source_profile_id or message.profile_id)
        made = confirmations.request_confirmation(
            session, shop, kind, ref, address=message.address, now=now
        )
        request = None
        if made is not None and kind == ConfirmationKind.DATA_EXPORT:
            request = _request(
                session, shop.id, PrivacyTopic.DATA_REQUEST, made, address=message.address, now=now
            )
            kept = stored_confirmations.get_request(session, shop.id, made)
            assert kept is not None
            kept.request_id = request
            session.add(kept)
    if request is not None:
        jobs.enqueue("privacy", target.shop_id, [request])
    elif made is not None:
        jobs.enqueue("send_first", target.shop_id, [made])
    return True


def request_redaction(target: Target) -> bool:
    """Redact the owner of the request's address; False if it has expired or asks for no erasure."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, target.shop_id)
        made = confirmations.get_open_request(session, target, now)
        if made is None or made.kind != ConfirmationKind.REDACT:
            return False
        made.confirmed_at = now
        session.add(made)
        session.flush()
        request = _request(
            session, made.shop_id, PrivacyTopic.REDACT, made.id, address=made.address, now=now
        )
    if request is not None:
        jobs.enqueue("privacy", target.shop_id, [request])
    return True


def request_export(target: Target) -> str | None:
    """Return the export of a request; None if it has expired or asks for no export."""
    now = clock.now()
    with db.transaction() as session:
        made = confirmations.get_open_request(session, target, now)
        if made is None or made.kind != ConfirmationKind.DATA_EXPORT or made.request_id is None:
            return None
        request = privacy_requests.get_request(session, made.shop_id, made.request_id)
        if request is None or request.export is None:
            return None
        made.confirmed_at = made.confirmed_at or now
        session.add(made)
        return request.export


def _request(
    session: Session, shop_id: int, kind: PrivacyTopic, ask_id: int, *, address: str, now: datetime
) -> int | None:
    asked = PrivacyFact(
        kind, now, f"preferences:{ask_id}", (IdentityKey(IdentityKind.EMAIL, address),)
    )
    return requests.accept_request(session, shop_id, asked, now)


def _choices(session: Session, message: Message) -> PreferencePage:
    shop = _shop(session, message)
    profile = get_profile(session, message.shop_id, message.profile_id)
    wishes = preferences.get_preference(
        session, shop.id, message.channel, message.address
    )  # of the address that the mail came to
    declined = wishes.declined_topic_ids if wishes else []
    until = wishes.paused_until if wishes else None
    return PreferencePage(
        shop_name=shop.name or shop.domain,
        shop_url=shop.url,
        locale=(profile and profile.locale) or message.locale or shop.language or "en",
        boxes=_boxes(session, message),
        topics=[
            (topic.id, topic.name, topic.id not in declined)
            for topic in preferences.topics_of(session, shop.id)
        ],
        weekly=wishes is not None and wishes.frequency == SendingFrequency.WEEKLY,
        paused_until=until if until and until > clock.now() else None,
    )


def _metrics(changed: Sequence[PreferenceBox], wanted: PreferenceUpdate) -> Sequence[str]:
    """Return the metrics that changed boxes come to, each once."""
    told = []
    for box in changed:
        if box.channel in CHANNELS and box.purpose == ConsentPurpose.MARKETING:
            metrics = CHANNELS[box.channel].metrics
            told.append(metrics.subscribed if box.key in wanted.boxes else metrics.unsubscribed)
    return list(dict.fromkeys(told))


def _boxes(session: Session, message: Message, *, whole: bool = False) -> list[PreferenceBox]:
    """Return a box for the message's own address, then for the shopper's own phones on each
    channel that they were asked about, then for what they typed, while their yes stands; `whole` is
    every address of theirs on every channel, also where no yes stands yet: a file may bring one
    later.
    """
    shop_id, own = message.shop_id, (message.channel, message.address)
    reach = contact_points.linked_places(session, shop_id, message.profile_id)
    typed = contact_points.typed_places(session, shop_id, message.profile_id)
    states = consent.states_at(session, shop_id, {own, *reach, *typed})
    shown = [place for place in reach if whole or _is_shown(place, states)]
    shown += [place for place in typed if _may_end(place, states, whole=whole)]
    places = [own, *(place for place in shown if place != own)]
    boxes = []
    for place in places:
        is_simple = place[0] == Channel.EMAIL or place in typed
        for purpose in (ConsentPurpose.MARKETING, ConsentPurpose.TRANSACTIONAL)[
            : 1 if is_simple else 2
        ]:
            state = states.get((*place, purpose))
            boxes.append(
                PreferenceBox(
                    key=_key(*place, purpose),
                    channel=Channel(place[0]),
                    address=place[1],
                    shown=place[1] if place == own else f"•••{place[1][-4:]}",
                    purpose=purpose,
                    on=_is_on(state, purpose),
                    refused=state is not None and state["state"] in REFUSING_STATES,
                )
            )
    return boxes


def _is_shown(place: LedgerKey, states: Mapping[Key, ConsentRow]) -> bool:
    """Whether a phone's box stands on the page: by text always, else where there is a choice."""
    channel, address = place
    if IDENTITY_KIND[channel] != IdentityKind.PHONE or channel == Channel.SMS:
        return channel == Channel.SMS
    known = [states[key] for key in states if key[:2] == (channel, address)]
    if channel in STOREFRONT_CHANNELS or channel in CHANNELS:
        return bool(known)
    return any(state["state"] not in REFUSING_STATES for state in known)


def _may_end(place: LedgerKey, states: Mapping[Key, ConsentRow], *, whole: bool) -> bool:
    """Whether there is a yes to take back at a place that a shopper only typed; `whole` counts one
    that waits for its confirmation. Here none can be given: the number may be another person's.
    """
    state = states.get((*place, ConsentPurpose.MARKETING))
    if whole:
        return state is not None and state["state"] not in REFUSING_STATES
    return _is_on(state, ConsentPurpose.MARKETING)


def _is_on(state: ConsentRow | None, purpose: ConsentPurpose) -> bool:
    if state is None:
        return (
            purpose == ConsentPurpose.TRANSACTIONAL
        )  # a shopper gets what they asked for until they stop it
    if state["state"] == ConsentState.IMPLIED:
        return state["expires_at"] is not None and clock.now() <= state["expires_at"]
    return state["state"] == ConsentState.SUBSCRIBED


def _is_changed(box: PreferenceBox, wanted: PreferenceUpdate) -> bool:
    if wanted.nothing:
        return box.purpose == ConsentPurpose.MARKETING and not box.refused
    return box.on != (box.key in wanted.boxes)


def _ends_own(box: PreferenceBox, message: Message, wanted: PreferenceUpdate) -> bool:
    """Whether a changed box says no to marketing at the address that the message went to."""
    is_own = (box.channel, box.address) == (message.channel, message.address)
    return is_own and box.purpose == ConsentPurpose.MARKETING and box.key not in wanted.boxes


def _entry(
    session: Session,
    message: Message,
    box: PreferenceBox,
    wanted: PreferenceUpdate,
    *,
    visitor: RequestOrigin,
    now: datetime,
) -> ConsentEntry:
    held = consent.get_consent(
        session, message.shop_id, box.channel, box.address, purpose=box.purpose
    )
    # The clock of the previous entry's writer may be ahead; the new entry comes after it.
    at = now if held is None else max(now, held.changed_at + CLOCK_STEP)
    return {
        "shop_id": message.shop_id,
        "id": (entry := new_id()),
        "dedupe_key": f"preferences:{entry}",
        "channel": box.channel,
        "address": box.address,
        "purpose": box.purpose,
        "state": ConsentState.SUBSCRIBED if box.key in wanted.boxes else ConsentState.UNSUBSCRIBED,
        "occurred_at": at,
        "recorded_at": now,
        "source": ConsentSource.PREFERENCES,
        "method": "button" if wanted.nothing else "checkbox",
        "profile_id": message.source_profile_id or message.profile_id,
        "disclosure": wanted.labels.get("" if wanted.nothing else box.key, ""),
        "form_version": VERSION,
        "page": f"{get_settings().url.rstrip('/')}/p",
        "ip": visitor.ip,
        "user_agent": visitor.user_agent[:500],
    }


def _wishes(
    message: Message, before: PreferencePage, wanted: PreferenceUpdate, now: datetime
) -> Sequence[PreferenceRow]:
    """Return rows for every address on the page, since a pause is one from the shop."""
    pause = wanted.pause_months
    until = before.paused_until if pause is None else now + pause * MONTH if pause else None
    declined = sorted({number for number, _, _ in before.topics} - wanted.topics)
    places = {(box.channel, box.address) for box in before.boxes}
    return [
        {
            "shop_id": message.shop_id,
            "channel": channel,
            "address": address,
            "frequency": SendingFrequency.WEEKLY if wanted.weekly else SendingFrequency.ALL,
            "paused_until": until,
            "declined_topic_ids": declined,
            "changed_at": now,
        }
        for channel, address in sorted(places)
    ]


def _key(*parts: str) -> str:
    """Return a name for a box that does not reveal the number behind it."""
    return privacy_requests.keyed_hash("preferences", "\0".join(parts))[-12:]


def _shop(session: Session, message: Message) -> Shop:
    shop = get_shop(session, message.shop_id)
    assert shop is not None  # the message is one of its
    return shop
