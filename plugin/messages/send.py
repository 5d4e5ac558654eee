"""Send. In: ids of messages that are due. Out: each accepted, put off, failed, skipped or in doubt.

`sending` is committed before the channel is called and no transaction is open during the call, so
a crash leaves at most one message in doubt; the answer counts only while the row is still
`sending` under the attempt that asked.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlmodel import Session

from plugin import bell, clock
from plugin.channels.base import Channel, Letter, SendError
from plugin.channels.email import EmailChannel
from plugin.errors import RegularsError
from plugin.messages import feeds, gate, links, outcome
from plugin.messages.feeds import Catalog
from plugin.messages.render import Loaded, Rendered, load, render
from storage import db
from storage.coupons import give_code
from storage.events import get_event
from storage.flows import get_flow
from storage.messages import (
    DUE,
    SENDING,
    SENDING_S,
    Message,
    claim_stuck,
    give_back,
    lock_message,
    still_due,
)
from storage.profiles import Profile, get_profile
from storage.shops import Shop, get_shop

CALL_BUDGET_S = SENDING_S - 10  # the call ends before anybody else may try
COUPON_PATIENCE = timedelta(hours=1)
STUCK_AT_ONCE = 500
TURN_S = 8.0  # of one batch; a worker that is told to end has ten
BROKEN_TRIES = 5

CHANNELS: dict[str, Channel] = {"email": EmailChannel()}

log = structlog.get_logger()


def send(shop_id: int, ids: Sequence[int]) -> None:
    """Send those of a shop's messages that are due. Safe to run twice, and by two at once.

    After `TURN_S` the rest is given back: a slow relay must hold neither other shops nor a worker
    that is told to end, and Dramatiq cuts a turn of ten minutes off in the middle of a mail.
    """
    catalog, broken = Catalog(), None
    until = time.monotonic() + TURN_S
    with db.reading() as session:  # of an offer that came too late nothing is left to do
        due = still_due(session, shop_id, ids, clock.now())
    for place, message_id in enumerate(due):
        if time.monotonic() > until:
            with db.transaction() as session:
                give_back(session, shop_id, due[place:])
            break
        try:
            _send_one(shop_id, message_id, catalog)
        except db.TRANSIENT:
            raise  # the lease runs out and the clock offers them again
        except Exception as error:
            log.exception("message.broken", shop=shop_id, message=message_id)
            _note_broken(shop_id, message_id)
            broken = error
    if broken is not None:
        raise broken


def _note_broken(shop_id: int, message_id: int) -> None:
    """Put a message that none of us foresaw off, and after some tries give it up."""
    with db.transaction() as session:
        message = lock_message(session, shop_id, message_id)
        if message is None or message.state != DUE:
            return  # what was being sent is in doubt, see `resolve_stuck`
        message.attempts += 1
        if message.attempts >= BROKEN_TRIES:
            outcome.fail(session, message, "render")
        else:
            until = clock.now() + outcome.backoff(message.attempts)
            outcome.put_off(session, message, until, "render")


def resolve_stuck() -> None:
    """Settle the messages whose sender died between `sending` and the answer."""
    with db.reading() as session:
        stuck = claim_stuck(session, STUCK_AT_ONCE)
    for shop_id, message_id in stuck:
        with db.transaction() as session:
            message = lock_message(session, shop_id, message_id)
            if message is None or message.state != SENDING:
                continue
            if message.lease_until < db.database_time(session):
                now = clock.now()
                outcome.doubt(session, message, now, again=now)  # the relay did nothing wrong
                log.info("message.stuck", shop=shop_id, message=message_id, now=message.state)


def _send_one(shop_id: int, message_id: int, catalog: Catalog) -> None:
    started = time.monotonic()
    dry: list[int] = []
    with db.transaction() as session:
        prepared = _prepare(session, shop_id, message_id, catalog, started, dry)
    if dry:
        bell.ring("refill", shop_id, dry)
    if prepared is None:
        return
    letter, channel, attempt = prepared
    refused: SendError | None = None
    try:
        channel.send(letter)
    except SendError as error:
        refused = error
    with db.transaction() as session:
        message = lock_message(session, shop_id, message_id)
        if message is None or message.state != SENDING or message.attempts != attempt:
            log.warning("message.late_answer", shop=shop_id, message=message_id)
            return
        outcome.settle(session, message, refused, clock.now())
        log.info(
            "message.settled",
            shop=shop_id,
            message=message_id,
            state=message.state,
            reason=message.reason,
            answer=refused.message if refused else "",
        )


def _prepare(
    session: Session,
    shop_id: int,
    message_id: int,
    catalog: Catalog,
    started: float,
    dry: list[int],
) -> tuple[Letter, Channel, int] | None:
    """Mark a message `sending` and say what to hand over; None when it must not or cannot go now.

    Coupons whose pools ran out go into `dry`.
    """
    now = clock.now()
    message = lock_message(session, shop_id, message_id)
    if message is None or message.state != DUE or message.due_at > now:
        return None
    shop = get_shop(session, shop_id)
    assert shop is not None
    profile = get_profile(session, shop_id, message.profile_id)
    if profile is not None:
        message.destination = gate.address_of(profile, message) or ""
    channel = CHANNELS.get(message.channel)
    if channel is None:
        outcome.skip(session, message, "no_channel")
        return None
    reason = gate.refusal(session, shop, message, profile)
    if reason or profile is None:
        outcome.skip(session, message, reason or "no_profile")
        return None
    rendered = _content(session, shop, message, profile, catalog, dry)
    if rendered is None:
        return None
    message.state, message.reason = SENDING, ""
    message.attempts += 1
    message.lease_until = db.database_time(session) + SENDING_S
    message.subject, message.links = rendered.subject, rendered.links
    message.locale = rendered.locale
    session.add(message)
    return _letter(shop, message, rendered, started), channel, message.attempts


def _content(
    session: Session,
    shop: Shop,
    message: Message,
    profile: Profile,
    catalog: Catalog,
    dry: list[int],
) -> Rendered | None:
    """What the message says; None when it waits or is skipped, and the row says why."""
    try:
        template = load(session, shop.id, message.template_id, message.template_version)
    except RegularsError:
        outcome.skip(session, message, "no_template")
        return None
    message.template_version = template.version
    if not _give_coupon(session, message, template, dry):
        return None
    event_id, flow_id = message.event_id, message.flow_id
    flow = None if flow_id is None else get_flow(session, shop.id, flow_id)
    try:
        return render(
            session,
            shop,
            message,
            profile,
            None if event_id is None else get_event(session, shop.id, event_id),
            template=template,
            coupon_code=message.coupon_code,
            campaign=flow.name if flow else "",
            catalog=catalog,
        )
    except RegularsError as error:
        log.warning("message.render", shop=shop.id, message=message.id, error=error.message)
        outcome.fail(session, message, "render")
        return None


def _give_coupon(session: Session, message: Message, template: Loaded, dry: list[int]) -> bool:
    """Give the message its code, if its template shows one; else let it wait, an hour at most."""
    coupon_id = feeds.coupon_of(template.blocks)
    if coupon_id is None or message.coupon_code:
        return True
    now = clock.now()
    message.coupon_code = give_code(session, message.shop_id, coupon_id, message.key, now)
    if message.coupon_code:
        return True
    waited = message.reason == outcome.WAITS_FOR_COUPON
    if waited and now - message.created_at > COUPON_PATIENCE:
        outcome.skip(session, message, "no_coupon")
        return False
    dry.append(coupon_id)
    message.reason, message.due_at = outcome.WAITS_FOR_COUPON, now + outcome.COUPON_WAIT
    message.lease_until = 0.0
    session.add(message)
    return False


def _letter(shop: Shop, message: Message, rendered: Rendered, started: float) -> Letter:
    return Letter(
        message_id=message.id,
        shop_id=shop.id,
        key=message.key,
        destination=message.destination,
        sender_name=shop.sender_name or shop.name,
        sender=shop.sender_email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        unsubscribe_url=links.unsubscribe_url(links.Target(shop.id, message.id)),
        at=clock.now(),
        deadline=started + CALL_BUDGET_S,
    )
