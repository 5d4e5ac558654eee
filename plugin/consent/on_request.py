"""Unsubscribe a shopper who asked the merchant for it: on the phone, in the shop, in a reply."""

from datetime import datetime

from sqlmodel import Session

from plugin import clock
from plugin.channels.registry import CHANNELS
from plugin.errors import RegularsError
from storage import consent, contact_points, events, profiles
from storage.channels import Channel
from storage.consent_ledger import ConsentEntry, ConsentSource, ConsentState, LedgerKey
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import EventRow


def unsubscribe(shop_id: int, profile_id: int) -> int:
    """Take back every yes to marketing of a profile's addresses; to how many of them.

    An email address that was never asked about says no from now on, too.

    Raises:
        RegularsError: there is no such profile (404).
    """
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        profile = profiles.get_profile(session, shop_id, profile_id)
        if profile is None:
            raise RegularsError("Profile not found.", status=404)
        places = _places(session, shop_id, profile.id)
        said: list[ConsentEntry] = [_entry(shop_id, profile.id, place, now=now) for place in places]
        consent.record_consent(session, said)
        events.add_events(session, _events(shop_id, profile.id, places, now))
    return len(places)


def _places(session: Session, shop_id: int, profile_id: int) -> list[LedgerKey]:
    """Where marketing may be sent or asked for."""
    places = [
        *contact_points.linked_places(session, shop_id, profile_id),
        *contact_points.typed_places(session, shop_id, profile_id),
    ]
    held = {
        (row.channel, row.address): row.state
        for row in consent.consents_of(session, shop_id, places)
    }
    return [
        place
        for place in places
        if held.get(place) not in consent.REFUSING_STATES
        and (place in held or place[0] == Channel.EMAIL)
    ]


def _entry(shop_id: int, profile_id: int, place: LedgerKey, *, now: datetime) -> ConsentEntry:
    channel, address = place
    return {
        "shop_id": shop_id,
        "id": (entry := new_id()),
        "dedupe_key": f"request:{entry}",
        "channel": channel,
        "address": address,
        "state": ConsentState.UNSUBSCRIBED,
        "occurred_at": now,
        "recorded_at": now,
        "source": ConsentSource.MERCHANT,
        "method": "asked the store",
        "profile_id": profile_id,
    }


def _events(
    shop_id: int, profile_id: int, places: list[LedgerKey], now: datetime
) -> list[EventRow]:
    channels = dict.fromkeys(Channel(channel) for channel, _ in places if channel in CHANNELS)
    return [
        {
            "shop_id": shop_id,
            "id": (event := new_id()),
            "profile_id": profile_id,
            "source_profile_id": None,
            "metric": CHANNELS[channel].metrics.unsubscribed,
            "unique_id": f"request:{event}",
            "occurred_at": now,
            "value": None,
            "currency": None,
            "properties": {},
        }
        for channel in channels
    ]
