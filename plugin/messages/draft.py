"""Write what a message says, before it is marked as being sent: no write transaction is open
meanwhile, so that a slow template holds up nothing of others.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

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


class _Subject(NamedTuple):
    """A message that may go out now, and what it is written from.

    They are held together: what the session alone knows it forgets, and reads again.
    """

    message: Message
    shop: Shop
    profile: Profile
    template: Loaded | None

    def draft(
        self, rendered: Rendered | None, reason: SkipReason | None, version: int | None = None
    ) -> Draft:
        """What came of it."""
        address = eligibility.address_of(self.profile, self.message) or ""
        return Draft(self.message.profile_id, address, version, rendered, reason)


def write_draft(shop_id: int, message_id: int, catalog: Catalog) -> Draft | None:
    """What a message that is due says; None where it must not go now, or waits for its coupon."""
    with db.reading() as session:
        subject = _look(session, shop_id, message_id)
        if subject is None:
            return None
        message, template = subject.message, subject.template
        if template is None:
            return subject.draft(None, SkipReason.NO_TEMPLATE)
        coupon_id = product_feeds.coupon_of(template.blocks)
        if coupon_id is None or message.coupon_code:
            return _write(session, subject, template, catalog)
    if not _gives(message, coupon_id):
        return None
    with db.reading() as session:
        again = _look(session, shop_id, message_id)
        return None if again is None else _write(session, again, template, catalog)


def _look(session: Session, shop_id: int, message_id: int) -> _Subject | None:
    """A message that may go out now, with its template if there is one."""
    message = get_message(session, shop_id, message_id)
    if message is None or message.state != MessageState.DUE or message.due_at > clock.now():
        return None
    shop = get_shop(session, shop_id)
    profile = get_profile(session, shop_id, message.profile_id)
    assert shop is not None
    if profile is None or eligibility.skip_reason(session, shop, message, profile):
        return None
    try:
        template = load_template(session, shop_id, message.template_id, message.template_version)
    except RegularsError:
        template = None
    return _Subject(message, shop, profile, template)


def _write(session: Session, subject: _Subject, template: Loaded, catalog: Catalog) -> Draft:
    rendered = _render(session, subject, template, catalog)
    return subject.draft(rendered, None if rendered else SkipReason.RENDER, template.version)


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
    session: Session, subject: _Subject, template: Loaded, catalog: Catalog
) -> Rendered | None:
    message, shop, profile, _ = subject
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
