"""Prove that a sender address is the shop's: by a click in a mail to it, or by its domain's DNS.

Its row says what is left to do; the worker looks the domain up and mails the link. Another shop
has nothing of it: the link, the word in DNS and the row are this shop's alone.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.channels.base import EmailContent, Envelope, SendError
from plugin.channels.email import sender_dns
from plugin.channels.email.sender_dns import RecordState
from plugin.channels.registry import CHANNELS
from plugin.jobs import Progress, SliceJob
from plugin.mailboxes import parse_mailbox
from plugin.messages import links
from plugin.messages.links import Target
from plugin.messages.sender import operator_address, proof_of
from plugin.texts import Texts, texts_for
from storage import mailbox_counts, senders
from storage.channels import Channel
from storage.engine import db, encryption
from storage.mailbox_counts import MailboxUse
from storage.senders import ASKED_FOR, SenderAddress, SenderProof, SenderState
from storage.shops import Shop, get_shop

MAX_ATTEMPTS = 3
MAX_ADDRESSES_PER_DAY = 5  # that a shop has asked
DAY = timedelta(days=1)
RETRY_AFTER = timedelta(minutes=5)
CALL_BUDGET_S = 60.0
WORD_PURPOSE = "sender-domain"
WORD_CHARS = 32

log = structlog.get_logger()


def domain_words(shop_id: int, domain: str) -> list[str]:
    """What a domain's TXT record says to name a shop, under each key, the current one's first."""
    text = f"{shop_id} {domain}".encode()
    return [
        f"regulars-shop={hmac.new(key, text, hashlib.sha256).hexdigest()[:WORD_CHARS]}"
        for key in encryption.derive_keys(WORD_PURPOSE).values()
    ]


def ask_for_proof(session: Session, shop: Shop, *, by_mail: bool = True) -> None:
    """Have a shop's sender address looked up, and asked by mail; the caller enqueues `senders`."""
    if shop.sender_email:
        by_mail = by_mail and bool(operator_address()) and proof_of(session, shop) is None
        senders.ask_sender(session, shop.id, shop.sender_email, now=clock.now(), by_mail=by_mail)


def ask_of_new_shop(shop_id: int) -> None:
    """Ask for the proof of the address that a shop begins with, unless it counts already."""
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        if shop is None or proof_of(session, shop) is not None:
            return
        if senders.get_sender(session, shop_id, shop.sender_email) is not None:
            return
        ask_for_proof(session, shop)
    jobs.enqueue(SLICE_JOB.name, shop_id)


def work_on_proof(shop_id: int) -> Progress:
    """Look up the domain of a shop's address that is due, and mail its link if it wants one."""
    with db.reading() as session:
        due, shop = senders.due_sender(session, shop_id, clock.now()), get_shop(session, shop_id)
    if due is None or shop is None:
        return Progress.DONE
    domain = due.address.rpartition("@")[2]
    found = sender_dns.read_sender_dns(domain)
    is_named = found.spf != RecordState.UNKNOWN and sender_dns.names_shop(
        domain, domain_words(shop_id, domain)
    )
    is_ready = due.wants_mail and _is_relay_ready()
    with db.transaction() as session:
        sender = senders.lock_sender(session, shop_id, due.address)
        if sender is None:
            return Progress.MORE
        sender.records, sender.records_at = found._asdict(), clock.now()
        if is_named and sender.state != SenderState.CONFIRMED:
            senders.prove_sender(session, sender, SenderProof.DNS, clock.now())
        if shop.uninstalled_at is not None:
            sender.wants_mail = False
        if sender.wants_mail and not is_ready:
            mails, sender.due_at = False, clock.now() + RETRY_AFTER
        else:
            mails = _begin_mail(session, sender, clock.now())
        session.add(sender)
    if mails:
        _mail(shop, sender)
    return Progress.MORE


def _is_relay_ready() -> bool:
    """Whether the relay lets us in; else the mail waits, and no attempt at it is counted."""
    try:
        CHANNELS[Channel.EMAIL].choose_provider().get_ready(operator_address())
    except SendError as error:
        log.warning("sender.waits", answer=error.message)
        return False
    return True


def _begin_mail(session: Session, sender: SenderAddress, now: datetime) -> bool:
    """Count the attempt at a proof mail; False when none is to go out."""
    wanted, sender.due_at = sender.wants_mail, None
    if not wanted:
        return False
    if sender.attempts >= MAX_ATTEMPTS:
        sender.state, sender.wants_mail = SenderState.REFUSED, False
        return False
    if not _may_ask(session, sender, now):
        sender.state, sender.wants_mail = SenderState.LIMITED, False
        return False
    sender.attempts += 1
    sender.due_at, sender.asked_at = now + RETRY_AFTER, now
    return True


def _may_ask(session: Session, sender: SenderAddress, now: datetime) -> bool:
    """Whether neither the shop nor the mailbox had its fill today: the address may be anybody's."""
    others = senders.count_asked(session, sender.shop_id, now - DAY, but=sender.address)
    return others < MAX_ADDRESSES_PER_DAY and mailbox_counts.admit_mail(
        session, MailboxUse.SENDER_PROOF, parse_mailbox(sender.address), holder="", now=now
    )


def _mail(shop: Shop, sender: SenderAddress) -> None:
    provider = CHANNELS[Channel.EMAIL].choose_provider()
    try:
        provider.send(_envelope(sender), _content(shop, sender))
        state = SenderState.ASKED
    except SendError as error:
        log.warning("sender.not_asked", shop=shop.id, sender=sender.id, answer=error.message)
        if not error.permanent:
            return  # it is due again
        state = SenderState.REFUSED
    with db.transaction() as session:
        held = senders.lock_sender(session, shop.id, sender.address)
        if held is not None and held.state != SenderState.CONFIRMED:
            held.state, held.wants_mail, held.due_at = state, False, None
            session.add(held)


def _envelope(sender: SenderAddress) -> Envelope:
    return Envelope(
        shop_id=sender.shop_id,
        message_id=sender.id,
        idempotency_key=f"sender:{sender.id}:{sender.asked_at}",
        channel=Channel.EMAIL,
        recipient=sender.address,
        sender=operator_address(),
        sent_at=clock.now(),
        deadline=time.monotonic() + CALL_BUDGET_S,
        transactional=True,
    )


def _content(shop: Shop, sender: SenderAddress) -> EmailContent:
    texts = texts_for(shop.language)
    url = links.sender_url(Target(shop.id, sender.id))
    lines = [
        texts.text(
            "%(shop)s (%(domain)s) wants to send its emails from this address, %(address)s.",
            shop=shop.name or shop.domain, domain=shop.domain, address=sender.address,
        ),
        texts.text("If this is your store, confirm the address within seven days:"),
    ]  # fmt: skip
    last = texts.text("If you don't know this store, do nothing: no email comes from your address.")
    return EmailContent(
        subject=texts.text("Confirm your sender address"),
        html=_html(texts, lines, url, last),
        text="\n\n".join((*lines, url, last)) + "\n",
        sender_name="Regulars",
        unsubscribe_url="",
    )


def _html(texts: Texts, lines: list[str], url: str, last: str) -> str:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    button = f'<p><a href="{escape(url)}">{escape(texts.text("Confirm this address"))}</a></p>'
    return (
        f'<!doctype html><html lang="{texts.locale}" dir="{texts.direction}"><body>'
        f"{paragraphs}{button}<p>{escape(last)}</p></body></html>"
    )


@dataclass(frozen=True, slots=True)
class SenderQuestion:
    """What the page behind the link of a proof mail asks."""

    address: str
    shop_name: str
    domain: str
    locale: str
    is_open: bool


def sender_question(target: Target) -> SenderQuestion | None:
    """Return what a link asks; None if there is no such address."""
    with db.reading() as session:
        shop = get_shop(session, target.shop_id)
        sender = senders.sender_by_id(session, target.shop_id, target.message_id)
        if shop is None or sender is None:
            return None
        is_open = shop.uninstalled_at is None and _is_open(sender, clock.now())
        name = shop.name or shop.domain
        return SenderQuestion(sender.address, name, shop.domain, shop.language or "en", is_open)


def confirm_sender(target: Target) -> bool:
    """Let the address count that a link was mailed to; False when it is used or too old."""
    now = clock.now()
    with db.transaction() as session:
        found = senders.sender_by_id(session, target.shop_id, target.message_id)
        sender = found and senders.lock_sender(session, target.shop_id, found.address)
        if sender is None or not _is_open(sender, now):
            return False
        senders.prove_sender(session, sender, SenderProof.MAIL, now)
    log.info("sender.proven", shop=target.shop_id, sender=target.message_id)
    return True


def _is_open(sender: SenderAddress, now: datetime) -> bool:
    asked = sender.asked_at
    return sender.state != SenderState.CONFIRMED and asked is not None and now <= asked + ASKED_FOR


SLICE_JOB = SliceJob(
    "senders", work_on_proof, senders.shops_due, interval=timedelta(seconds=10), sends=True
)
