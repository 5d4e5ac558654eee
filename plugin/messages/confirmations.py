"""Asking: whoever wants something done to an address gets a mail there with a button, for who opens
it owns the address. In: the ask. Out: its row and its mail; or nothing, when there were enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin import clock, facts
from plugin.facts import Whose
from plugin.messages.links import Target
from plugin.templates import library
from storage import confirmations as asks
from storage import messages
from storage.confirmations import AGAIN_FOR, CONFIRM, COPY, VALID_FOR, Ask
from storage.engine import db
from storage.engine.ids import new_id
from storage.profiles import get_profile
from storage.shops import Shop, get_shop

APART = timedelta(hours=24)  # a stranger can ask in anybody's name: no mailbox is flooded by it
MOST_CONFIRMATIONS = 3  # ever: whoever did not click three times does not want to


def ask(
    session: Session,
    shop: Shop,
    kind: str,
    whose: Whose,
    address: str,
    now: datetime,
    **more: Any,
) -> int | None:
    """Keep an ask and mail its link; its id, or None when the mailbox was asked often enough.

    A copy's mail waits until the file is there: see `mail`.
    """
    canonical = facts.mailbox(address)
    before = asks.asks_of(session, shop.id, kind, canonical)
    if _enough(kind, before, now):
        return None
    made = Ask(
        shop_id=shop.id, id=new_id(), kind=kind, profile_id=whose.origin_id, address=address,
        canonical=canonical, asked_at=now, **more,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if kind != COPY:
        mail(session, shop, made, now)
    return made.id


def mail(session: Session, shop: Shop, made: Ask, now: datetime) -> None:
    """Queue the mail of an ask: to the address itself, whatever the profile's own has become."""
    messages.add_messages(
        session,
        [
            {
                "shop_id": shop.id,
                "id": made.id,
                "key": f"ask:{made.id}",
                **whose_is(session, made).columns,
                "channel": "email",
                "destination": made.address,
                "transactional": True,
                "template_id": library.seed(session, shop)[library.CONFIRMATIONS[made.kind]],
                "due_at": now,
                "lease_until": db.database_time(session) + messages.LEASE_S,  # the caller rings
                "created_at": now,
            }
        ],
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page behind a mail's button shows."""

    kind: str
    is_open: bool
    shop_name: str
    shop_url: str
    locale: str


def look(target: Target) -> Asked | None:
    """What a token asks; None when there is no such ask."""
    with db.reading() as session:
        made = asks.get_ask(session, target.shop_id, target.message_id)
        shop = get_shop(session, target.shop_id)
        if made is None or shop is None:
            return None
        profile = get_profile(session, target.shop_id, made.profile_id)
        return Asked(
            kind=made.kind,
            is_open=_is_open(made, clock.now()),
            shop_name=shop.name or shop.domain,
            shop_url=shop.url,
            locale=(profile and profile.locale) or shop.language or "en",
        )


def open_ask(session: Session, target: Target, now: datetime) -> Ask | None:
    """What a token asks, while it can be granted; nobody else grants it meanwhile."""
    made = asks.lock_ask(session, target.shop_id, target.message_id)
    return made if made is not None and _is_open(made, now) else None


def _is_open(made: Ask, now: datetime) -> bool:
    if made.granted_at is None:
        return now <= made.asked_at + VALID_FOR
    return made.kind == COPY and now <= made.granted_at + AGAIN_FOR


def whose_is(session: Session, made: Ask) -> Whose:
    """The profile that an ask's origin is part of by now."""
    profile = get_profile(session, made.shop_id, made.profile_id)
    return Whose(made.profile_id if profile is None else profile.id, made.profile_id)


def _enough(kind: str, before: Sequence[Ask], now: datetime) -> bool:
    if before and now - before[0].asked_at < APART:
        return True
    return kind == CONFIRM and len(before) >= MOST_CONFIRMATIONS
