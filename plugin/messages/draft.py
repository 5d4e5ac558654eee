"""Write what a message says, before it is marked as being sent: no write transaction is open
meanwhile, so that a slow template holds up nothing of others.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import RegularsError
from plugin.messages import eligibility, outcome
from plugin.messages.render import Loaded, Rendered, RenderError, load_template, render_message
from plugin.templates import product_feeds
from plugin.templates.product_feeds import Catalog
from storage.coupons import give_code
from storage.engine import db
from storage.events import get_event
from storage.flows import get_flow
from storage.messages import Message, MessageState, SkipReason, get_message, lock_message
from storage.profiles import Profile, get_profile
from storage.shops import Shop, get_shop

MAX_COUPON_WAIT = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message says to one person at one address, or why it says nothing."""

    profile_id: int
    address: str
    template_version: int | None
    rendered: Rendered | None
    reason: SkipReason | None = None

    def is_for(self, message: Message) -> bool:
        """Whether a message still goes where it went when this was written."""
        return (self.profile_id, self.address) == (message.profile_id, message.address)


def write_draft(shop_id: int, message_id: int, catalog: Catalog) -> Draft | None:
    """What a message that is due says; None where it must not go now, or waits for its coupon."""
    with db.reading() as session:
        message, template = _look(session, shop_id, message_id)
        if message is None:
            return None
        if template is None:
            return _draft(session, message, None, reason=SkipReason.NO_TEMPLATE)
        coupon_id = product_feeds.coupon_of(template.blocks)
    if coupon_id is not None and not message.coupon_code and not _gives(message, coupon_id):
        return None
    with db.reading() as session:
        message, _ = _look(session, shop_id, message_id)
        if message is None:
            return None
        rendered = _render(session, message, template, catalog)
        reason = None if rendered else SkipReason.RENDER
        return _draft(session, message, rendered, reason=reason, version=template.version)


def _look(session: Session, shop_id: int, message_id: int) -> tuple[Message | None, Loaded | None]:
    """A message that may go out now, and its template."""
    message = get_message(session, shop_id, message_id)
    if message is None or message.state != MessageState.DUE or message.due_at > clock.now():
        return None, None
    shop, profile = _parties(session, message)
    if profile is None or eligibility.skip_reason(session, shop, message, profile):
        return None, None
    try:
        return message, load_template(
            session, shop_id, message.template_id, message.template_version
        )
    except RegularsError:
        return message, None


def _gives(message: Message, coupon_id: int) -> bool:
    """Give a message its code; without one let it wait, an hour at most."""
    with db.transaction() as session:
        locked = lock_message(session, message.shop_id, message.id)
        if locked is None or locked.state != MessageState.DUE:
            return False
        given = _give_coupon(session, locked, coupon_id)
    if not given:
        jobs.enqueue("refill", message.shop_id, [coupon_id])
    return given


def _give_coupon(session: Session, message: Message, coupon_id: int) -> bool:
    now = clock.now()
    message.coupon_code = give_code(
        session, message.shop_id, coupon_id, message.idempotency_key, at=now
    )
    session.add(message)
    if message.coupon_code:
        return True
    waited = message.skip_reason == SkipReason.WAITS_FOR_COUPON
    if waited and now - message.created_at > MAX_COUPON_WAIT:
        outcome.skip_message(session, message, SkipReason.NO_COUPON)
    else:
        until = now + outcome.COUPON_WAIT
        outcome.reschedule(session, message, until, SkipReason.WAITS_FOR_COUPON)
    return False


def _render(
    session: Session, message: Message, template: Loaded, catalog: Catalog
) -> Rendered | None:
    shop, profile = _parties(session, message)
    assert profile is not None
    event_id, flow_id = message.event_id, message.flow_id
    flow = None if flow_id is None else get_flow(session, shop.id, flow_id)
    try:
        return render_message(
            session,
            shop,
            message,
            profile,
            event=None if event_id is None else get_event(session, shop.id, event_id),
            template=template,
            coupon_code=message.coupon_code,
            campaign=flow.name if flow else "",
            catalog=catalog,
        )
    except RenderError as error:
        log.warning(
            "message.render",
            shop=shop.id,
            message=message.id,
            template=message.template_id,
            version=template.version,
            kind=error.kind,
            line=error.line,
        )
        return None


def _draft(
    session: Session,
    message: Message,
    rendered: Rendered | None,
    *,
    reason: SkipReason | None,
    version: int | None = None,
) -> Draft:
    _, profile = _parties(session, message)
    assert profile is not None
    address = eligibility.address_of(profile, message) or ""
    return Draft(message.profile_id, address, version, rendered, reason)


def _parties(session: Session, message: Message) -> tuple[Shop, Profile | None]:
    shop = get_shop(session, message.shop_id)
    assert shop is not None
    return shop, get_profile(session, message.shop_id, message.profile_id)
