"""Mail confirmation links: a click on the link proves that its reader owns the address.

A request becomes a row and a mail, or nothing beyond the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin import clock
from plugin.facts import ProfileRef
from plugin.mailboxes import parse_mailbox
from plugin.messages.links import Target
from plugin.templates import library
from storage import confirmations, mailbox_counts, messages
from storage.channels import Channel
from storage.confirmations import REPEATABLE_FOR, VALID_FOR, ConfirmationKind, ConfirmationRequest
from storage.engine import db
from storage.engine.ids import new_id
from storage.mailbox_counts import MailboxUse
from storage.messages import MessageRow, MessageSource, MessageState, SkipReason
from storage.profiles import get_profile
from storage.shops import Shop, get_shop

# A stranger can ask in anybody's name, and no mailbox is flooded by it: at most so many within so
# long. Every limit passes, so that who ignored some may sign up a year later.
LIMITS: dict[ConfirmationKind, Sequence[tuple[int, timedelta]]] = {
    ConfirmationKind.DOUBLE_OPT_IN: (
        (1, timedelta(minutes=10)),
        (3, timedelta(days=1)),
        (10, timedelta(days=30)),
    ),
    ConfirmationKind.DATA_EXPORT: ((1, timedelta(days=1)),),
    ConfirmationKind.REDACT: ((1, timedelta(days=1)),),
}


def request_confirmation(
    session: Session,
    shop: Shop,
    kind: ConfirmationKind,
    ref: ProfileRef,
    *,
    address: str,
    now: datetime,
    **more: Any,
) -> int | None:
    """Save a confirmation request and mail its link; return its id, or None at the mailbox's limit.

    The mail of a data export waits until the file exists: see `confirmation_message`.
    """
    canonical = parse_mailbox(address)
    most = max(most for most, _ in LIMITS[kind])
    before = confirmations.requests_of(session, shop.id, kind, canonical, limit=most)
    is_typed = kind == ConfirmationKind.DOUBLE_OPT_IN  # others come from a mail's own links
    if _enough(kind, before, now) or (
        is_typed and not admits(session, MailboxUse.CONFIRMATION, shop, address, now=now)
    ):
        if is_typed:
            _note_limit(session, shop, ref, address, now=now)
        return None
    made = ConfirmationRequest(
        shop_id=shop.id, id=new_id(), kind=kind, profile_id=ref.source_profile_id,
        address=address,
        canonical=canonical, requested_at=now, **more,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if kind != ConfirmationKind.DATA_EXPORT:
        confirmation_message(session, shop, made, now)
    return made.id


def admits(session: Session, use: MailboxUse, shop: Shop, address: str, *, now: datetime) -> bool:
    """Count a mail that anybody may have asked for; False when its mailbox has had one today from
    another shop of the installation, or under another spelling.
    """
    holder = f"{shop.id}:{address}"
    return mailbox_counts.admit_mail(session, use, parse_mailbox(address), holder=holder, now=now)


def _note_limit(
    session: Session, shop: Shop, ref: ProfileRef, address: str, *, now: datetime
) -> None:
    """Show the merchant, once a day, why a sign-up was asked for no confirmation."""
    row = _message(session, shop, ref, ConfirmationKind.DOUBLE_OPT_IN, now=now)
    row["idempotency_key"] = f"ask:limit:{ref.source_profile_id}:{now.date()}"
    row["address"] = address
    row["state"], row["skip_reason"] = MessageState.SKIPPED, SkipReason.MAILBOX_LIMIT
    messages.add_messages(session, [row])


def confirmation_message(
    session: Session, shop: Shop, made: ConfirmationRequest, now: datetime
) -> None:
    """Queue the mail of a request to its own address, even if the profile has another by now."""
    row = _message(session, shop, profile_of(session, made), made.kind, now=now)
    row["id"], row["idempotency_key"], row["address"] = made.id, f"ask:{made.id}", made.address
    # the caller enqueues it
    row["lease_until"] = db.database_time(session) + messages.LEASE_S
    messages.add_messages(session, [row])


def _message(
    session: Session, shop: Shop, ref: ProfileRef, kind: ConfirmationKind, *, now: datetime
) -> MessageRow:
    """The row of a confirmation mail, yet without its address and key."""
    templates = library.seed_templates(session, shop)
    return {
        "shop_id": shop.id,
        "id": new_id(),
        "idempotency_key": "",
        "profile_id": ref.profile_id,
        "source_profile_id": ref.columns["source_profile_id"],
        "channel": Channel.EMAIL,
        "source": MessageSource.CONFIRMATION,
        "transactional": True,
        "template_id": templates[library.CONFIRMATIONS[kind]],
        "due_at": now,
        "created_at": now,
    }


@dataclass(frozen=True, slots=True)
class ConfirmationPage:
    """What the page behind a mail's button shows."""

    kind: ConfirmationKind
    is_open: bool
    shop_name: str
    shop_url: str
    locale: str


def confirmation_page(target: Target) -> ConfirmationPage | None:
    """Return what a token's request asks for; None if there is no such request."""
    with db.reading() as session:
        made = confirmations.get_request(session, target.shop_id, target.message_id)
        shop = get_shop(session, target.shop_id)
        if made is None or shop is None:
            return None
        profile = get_profile(session, target.shop_id, made.profile_id)
        return ConfirmationPage(
            kind=made.kind,
            is_open=_is_open(made, clock.now()),
            shop_name=shop.name or shop.domain,
            shop_url=shop.url,
            locale=(profile and profile.locale) or shop.language or "en",
        )


def get_open_request(session: Session, target: Target, now: datetime) -> ConfirmationRequest | None:
    """Return a token's request while it can be confirmed, locked so that it is confirmed once."""
    made = confirmations.lock_request(session, target.shop_id, target.message_id)
    return made if made is not None and _is_open(made, now) else None


def _is_open(made: ConfirmationRequest, now: datetime) -> bool:
    if made.confirmed_at is None:
        return now <= made.requested_at + VALID_FOR
    return made.kind == ConfirmationKind.DATA_EXPORT and now <= made.confirmed_at + REPEATABLE_FOR


def profile_of(session: Session, made: ConfirmationRequest) -> ProfileRef:
    """Return the profile that a request's source profile belongs to by now."""
    profile = get_profile(session, made.shop_id, made.profile_id)
    return ProfileRef(made.profile_id if profile is None else profile.id, made.profile_id)


def _enough(kind: ConfirmationKind, before: Sequence[ConfirmationRequest], now: datetime) -> bool:
    """Whether the earlier requests, newest first, reach one of the limits."""
    return any(
        len(before) >= most and now - before[most - 1].requested_at < within
        for most, within in LIMITS[kind]
    )
