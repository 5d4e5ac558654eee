"""Send due messages: each is accepted, put off, failed, skipped or ambiguous afterwards.

`sending` is committed before the channel is called and no transaction is open during the call, so a
crash leaves at most one message ambiguous; the answer counts only while the row is still `sending`
under the same attempt.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from sqlmodel import Session

from plugin import clock
from plugin.channels.base import Content, EmailContent, Envelope, Provider, SendError
from plugin.channels.registry import CHANNELS
from plugin.messages import eligibility, outcome
from plugin.messages.content import build_content
from plugin.messages.draft import Draft, write_draft
from plugin.messages.render import Rendered
from plugin.messages.sender import MailSender, choose_sender
from plugin.templates.product_feeds import Catalog
from storage import consent
from storage.channels import Channel
from storage.engine import db, locks
from storage.engine.leases import BATCH_SIZE_BY_ATTEMPT, latest_end, split_by_attempts
from storage.message_claims import (
    claim_stuck,
    put_off,
    refund_attempt,
    release_claim,
    start_claim,
    still_due,
)
from storage.messages import (
    SENDING_LEASE_S,
    Message,
    MessageState,
    SkipReason,
    lock_message,
    set_state,
)
from storage.profiles import get_profile
from storage.shops import Shop, get_shop
from storage.smart_sending import lock_recipient

CALL_BUDGET_S = SENDING_LEASE_S - 10  # the call ends before anybody else may try
STUCK_BATCH_SIZE = 500
# Of one batch: a worker has ten to stop, and a requested mail should not wait long for a free one.
SLICE_SECONDS = 2.0
MAX_RENDER_ATTEMPTS = 5
MAX_CRASHES = 5  # after as many deaths it is given up

log = structlog.get_logger()


def actor_for(*, transactional: bool) -> str:
    """Which actor sends a message: what its receiver waits for goes before everything else."""
    return "send_first" if transactional else "send"


def send_messages(shop_id: int, ids: Sequence[int]) -> None:
    """Send those of a shop's messages that are due. Safe to run twice, and concurrently.

    After `SLICE_SECONDS` the rest is released: a slow relay must hold neither other shops nor a
    worker that is stopping, and Dramatiq would cut off a job of ten minutes in the middle of a
    mail.
    """
    with db.reading() as session:  # of an offer that came too late nothing is left to do
        offered = still_due(session, shop_id, ids, clock.now())
        shop = get_shop(session, shop_id)
        chosen = None if shop is None else choose_sender(session, shop)
    if shop is None:
        return
    turn = _SendBatch(shop)
    sender = chosen.address if isinstance(chosen, MailSender) else ""  # it is skipped without one
    due = _with_ready_provider(shop_id, sender, offered)
    tries = dict(due)
    for some in split_by_attempts(due):
        if tries[some[0]] < len(BATCH_SIZE_BY_ATTEMPT):
            turn.send(some, tries[some[0]])
            continue
        try:
            # Two workers crashed on this message: such messages are sent one at a time in this
            # installation, so that a harmless one does not fail beside a harmful one.
            with locks.exclusive("suspect-message", wait_s=0):
                turn.send(some, tries[some[0]])
        except locks.LockTimeoutError:
            continue  # its lease runs out, and it is offered again
    if turn.broken is not None:
        raise turn.broken


def _with_ready_provider(
    shop_id: int, sender: str, due: Sequence[tuple[int, int, Channel]]
) -> list[tuple[int, int]]:
    """Those for which a provider is ready, as (id, tries); the others are put off, untried.

    No message is claimed while a provider is connected to, which may take minutes.
    """
    ready: list[tuple[int, int]] = []
    by_channel: dict[Channel, list[tuple[int, int]]] = {}
    for message_id, tries, channel in due:
        by_channel.setdefault(channel, []).append((message_id, tries))
    for channel, its in by_channel.items():
        spec = CHANNELS.get(channel)
        try:
            if spec is not None:
                spec.choose_provider().get_ready(sender if spec.needs_sender else "")
            ready += its
        except SendError as refused:
            until = refused.until or clock.now() + outcome.backoff(1)
            reason = outcome.reason_of(refused)
            with db.transaction() as session:
                put_off(session, shop_id, [each for each, _ in its], until=until, reason=reason)
            log.info("messages.put_off", shop=shop_id, count=len(its), reason=reason)
    return ready


class _SendBatch:
    """A worker's turn at one shop's messages."""

    def __init__(self, shop: Shop) -> None:
        self.shop_id = shop.id
        self.catalog = Catalog(shop)
        self.until = time.monotonic() + SLICE_SECONDS
        self.broken: Exception | None = None

    def send(self, ids: Sequence[int], tries: int) -> None:
        """Send messages that were begun `tries` times before and never came to an outcome."""
        with db.transaction() as session:
            if time.monotonic() > self.until:
                release_claim(session, self.shop_id, ids)
                return
            mine = start_claim(session, self.shop_id, ids)
        for place, message_id in enumerate(mine.ids):
            rest = mine._replace(ids=mine.ids[place:])
            if time.monotonic() > self.until:
                with db.transaction() as session:
                    refund_attempt(session, self.shop_id, rest)
                    release_claim(session, self.shop_id, rest.ids)
                return
            try:
                if tries >= MAX_CRASHES:
                    _give_up(self.shop_id, message_id)
                else:
                    refused = _send_one(self.shop_id, message_id, self.catalog)
                    if refused and (refused.lost_line or not refused.is_about_message):
                        self.until = 0.0  # the next turn finds out what the others can expect
            except db.TRANSIENT:
                with contextlib.suppress(*db.TRANSIENT), db.transaction() as session:
                    refund_attempt(session, self.shop_id, rest)
                raise  # the lease runs out and the clock offers them again
            except Exception as error:
                log.exception("message.broken", shop=self.shop_id, message=message_id)
                _note_broken(self.shop_id, message_id)
                self.broken = error


def _give_up(shop_id: int, message_id: int) -> None:
    """Fail a message that crashed its worker again and again."""
    log.error("message.deadly", shop=shop_id, message=message_id)
    with db.transaction() as session:
        message = lock_message(session, shop_id, message_id)
        if message is None or message.state != MessageState.DUE:
            return
        if message.send_attempts:  # it may have reached the relay before
            set_state(session, message, MessageState.AMBIGUOUS, SkipReason.AMBIGUOUS)
        else:
            outcome.fail_message(session, message, SkipReason.RENDER)


def _note_broken(shop_id: int, message_id: int) -> None:
    """Put a message that none of us foresaw off, and after some tries give it up."""
    with db.transaction() as session:
        message = lock_message(session, shop_id, message_id)
        if message is None or message.state != MessageState.DUE:
            return  # what was being sent is in doubt, see `resolve_stuck`
        message.send_attempts += 1
        if message.send_attempts >= MAX_RENDER_ATTEMPTS:
            outcome.fail_message(session, message, SkipReason.RENDER)
        else:
            until = clock.now() + outcome.backoff(message.send_attempts)
            outcome.reschedule(session, message, until, SkipReason.RENDER)


def resolve_stuck() -> None:
    """Resolve messages that lost their sender between `sending` and the answer."""
    with db.reading() as session:
        stuck = claim_stuck(session, STUCK_BATCH_SIZE)
    for shop_id, message_id in stuck:
        with db.transaction() as session:
            message = lock_message(session, shop_id, message_id)
            if message is None or message.state != MessageState.SENDING:
                continue
            there = db.database_time(session)
            if not there <= message.lease_until <= latest_end(there):
                now, tries = clock.now(), message.crashes
                outcome.mark_ambiguous(
                    session, message, now, again=now
                )  # the relay did nothing wrong
                message.crashes = tries  # a death is no outcome
                log.info("message.stuck", shop=shop_id, message=message_id, now=message.state)


class Prepared(NamedTuple):
    """A message that is marked `sending`, and the provider that gets it."""

    envelope: Envelope
    content: Content
    provider: Provider[Any]
    attempt: int


def _send_one(shop_id: int, message_id: int, catalog: Catalog) -> SendError | None:
    """Send a message if it may go; the provider's refusal, if there was one."""
    started = time.monotonic()
    draft = write_draft(shop_id, message_id, catalog)
    with db.transaction() as session:
        prepared = _prepare(session, shop_id, message_id, draft, started=started)
    if prepared is None:
        return None
    refused: SendError | None = None
    provider_message_id = ""
    try:
        provider_message_id = prepared.provider.send(prepared.envelope, prepared.content)
    except SendError as error:
        refused = error
    with db.transaction() as session:
        if refused is not None and refused.is_about_address:  # a word on consent: see `receipts`
            db.lock_shop(session, shop_id)
        message = lock_message(session, shop_id, message_id)
        if (
            message is None
            or message.state != MessageState.SENDING
            or message.send_attempts != prepared.attempt
        ):
            log.warning("message.late_answer", shop=shop_id, message=message_id)
            return refused
        if refused is None:
            message.provider_message_id = provider_message_id
        outcome.apply_result(session, message, refused, clock.now())
        log.info(
            "message.settled",
            shop=shop_id,
            message=message_id,
            state=message.state,
            reason=message.skip_reason,
            answer=refused.message if refused else "",
        )
    return refused


def _prepare(
    session: Session,
    shop_id: int,
    message_id: int,
    draft: Draft | None,
    *,
    started: float,
) -> Prepared | None:
    """Mark a message `sending` and return what to send; None when it must not or cannot go now."""
    now = clock.now()
    message = lock_message(session, shop_id, message_id)
    if message is None or message.state != MessageState.DUE or message.due_at > now:
        return None
    shop = get_shop(session, shop_id)
    assert shop is not None
    profile = get_profile(session, shop_id, message.profile_id)
    if profile is not None:
        message.address = eligibility.address_of(profile, message) or ""
        if not consent.try_lock_consent(session, shop_id, message.channel, message.address):
            # the shopper is changing their consent right now
            outcome.reschedule(session, message, now, "")
            return None
    spec = CHANNELS.get(message.channel)
    if spec is None:
        outcome.skip_message(session, message, SkipReason.NO_CHANNEL)
        return None
    if not message.transactional:
        lock_recipient(session, message.profile_id)
    reason = eligibility.skip_reason(session, shop, message, profile)
    if reason or profile is None:
        outcome.skip_message(session, message, reason or SkipReason.NO_PROFILE)
        return None
    if draft is None or not draft.is_for(message):  # who gets it, or may, has just changed
        outcome.reschedule(session, message, now, "")
        return None
    message.template_version = draft.template_version or message.template_version
    rendered = _rendered(session, message, draft)
    if rendered is None:
        return None
    set_state(session, message, MessageState.SENDING)
    message.send_attempts += 1
    message.lease_until = db.database_time(session) + SENDING_LEASE_S
    provider = spec.choose_provider(had_it=message.provider)
    message.provider = provider.name
    content = build_content(spec.content, shop, message, rendered)
    message.subject = content.subject if isinstance(content, EmailContent) else ""
    message.links, message.locale = rendered.links, rendered.locale
    session.add(message)
    envelope = _envelope(session, shop, message, started)
    return Prepared(envelope, content, provider, message.send_attempts)


def _rendered(session: Session, message: Message, draft: Draft) -> Rendered | None:
    """What a draft says; None where it says nothing, and the row says why."""
    if draft.reason == SkipReason.NO_TEMPLATE:
        outcome.skip_message(session, message, draft.reason)
    elif draft.reason is not None:
        outcome.fail_message(session, message, draft.reason)
    return draft.rendered


def _envelope(session: Session, shop: Shop, message: Message, started: float) -> Envelope:
    sender = MailSender("")
    if CHANNELS[message.channel].needs_sender:
        chosen = choose_sender(session, shop)
        assert isinstance(chosen, MailSender)  # else it was not eligible
        sender = chosen
    return Envelope(
        shop_id=shop.id,
        message_id=message.id,
        idempotency_key=message.idempotency_key,
        channel=message.channel,
        recipient=message.address,
        sender=sender.address,
        reply_to=sender.reply_to,
        sent_at=clock.now(),
        deadline=started + CALL_BUDGET_S,
        transactional=message.transactional,
    )
