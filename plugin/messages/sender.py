"""Who a shop's mail comes from: its own address once that is proven, else the operator's."""

from typing import NamedTuple

from sqlmodel import Session

from plugin.settings import get_settings
from plugin.values import parse_email
from storage.messages import SkipReason
from storage.senders import SenderProof, get_sender
from storage.shops import Shop


class MailSender(NamedTuple):
    """The address that mail comes from, and the one that answers go to where it is another."""

    address: str
    reply_to: str = ""


def choose_sender(session: Session, shop: Shop) -> MailSender | SkipReason:
    """Return who a shop's mail comes from now, or why none goes out."""
    if not shop.sender_email:
        return SkipReason.NO_SENDER
    if proof_of(session, shop) is not None:
        return MailSender(shop.sender_email)
    if operator := operator_address():
        return MailSender(operator, shop.sender_email)
    return SkipReason.SENDER_UNPROVEN


def proof_of(session: Session, shop: Shop) -> SenderProof | None:
    """Why a shop's sender address counts as its own; None when it does not."""
    address, settings = shop.sender_email, get_settings()
    if not address:
        return None
    if address.rpartition("@")[2] in settings.domains_of(shop.domain):
        return SenderProof.OPERATOR
    if settings.trust_store_email and address == parse_email(shop.email):
        return SenderProof.STORE
    held = get_sender(session, shop.id, address)
    return None if held is None else held.proof


def operator_address() -> str:
    """The address that the operator gave us for shops without a proven one; "" without."""
    return parse_email(get_settings().sender_email) or ""
