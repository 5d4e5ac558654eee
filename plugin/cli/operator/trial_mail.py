"""A test mail through the relay: it is no message of a store, and nothing of it is kept."""

import time
from urllib.parse import urlsplit

from plugin import clock
from plugin.channels.base import EmailContent, Envelope, SendError
from plugin.channels.registry import CHANNELS
from plugin.cli.backfill import choose_shop
from plugin.errors import RegularsError
from plugin.settings import get_settings
from plugin.values import parse_email
from storage import suppressions
from storage.channels import Channel
from storage.engine import db
from storage.engine.ids import new_id
from storage.shops import Shop

TIME_LIMIT_S = 60.0
SUBJECT = "Test mail from Regulars"
TEXT = "This mail shows that your relay takes mail from Regulars. There is nothing to do."


def require_relay() -> None:
    """Go on only with a relay.

    Raises:
        RegularsError: none is set.
    """
    if not CHANNELS[Channel.EMAIL].is_set_up():
        raise RegularsError(
            "No mail can be sent: REGULARS_SMTP_URL is not set. "
            "Set it, as smtp://user:password@mail.example.com:587."
        )


def send_test_mail(address: str, domain: str, sender: str) -> str:
    """Send it and say so.

    Raises:
        RegularsError: an address is none, or asked for no mail; or the relay did not take it.
    """
    recipient = parse_email(address)
    if recipient is None:
        raise RegularsError(f"{address} is not an email address.")
    shop = None if sender and not domain else choose_shop(domain)
    envelope = Envelope(
        shop_id=shop.id if shop else 0,
        message_id=new_id(),
        idempotency_key="",
        channel=Channel.EMAIL,
        recipient=recipient,
        sender=_sender(shop, sender),
        sent_at=clock.now(),
        deadline=time.monotonic() + TIME_LIMIT_S,
        transactional=True,
    )
    _require_no_suppression(shop, recipient)
    provider = CHANNELS[Channel.EMAIL].choose_provider()
    try:
        provider.send(envelope, _content(shop))
    except SendError as error:
        raise RegularsError(f"The test mail was not sent. {error.message}") from None
    host = urlsplit(get_settings().smtp_url).hostname
    return f"{host} took the test mail from {envelope.sender} to {recipient}. Look for it there."


def _sender(shop: Shop | None, sender: str) -> str:
    found = parse_email(sender) if sender else shop.sender_email if shop else ""
    if sender and found is None:
        raise RegularsError(f"{sender} is not an email address.")
    if not found:
        assert shop is not None  # there is one unless a sender is given
        raise RegularsError(
            f"{shop.domain} has no sender yet. Set one in its settings, or add --from."
        )
    return found


def _require_no_suppression(shop: Shop | None, recipient: str) -> None:
    if shop is None:
        return
    with db.reading() as session:
        if suppressions.suppressed_addresses(session, shop.id, [(Channel.EMAIL, recipient)]):
            raise RegularsError(
                "This address asked not to be written to. Choose one of your own for the test."
            )


def _content(shop: Shop | None) -> EmailContent:
    return EmailContent(
        subject=SUBJECT,
        html=f"<p>{TEXT}</p>",
        text=TEXT,
        sender_name=shop.sender_name if shop else "",
        unsubscribe_url=get_settings().url,
    )
