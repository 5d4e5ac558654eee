"""Mails that wait because the provider takes none, or there is none: a sentence for each reason."""

from sqlmodel import Session

from admin_ui.kit.language import Language
from plugin.channels.registry import CHANNELS
from storage.channels import Channel
from storage.messages import SkipReason, count_waiting


def sentences(session: Session, shop_id: int, say: Language) -> list[str]:
    """Say what the provider refuses, and how many mails wait for it; empty when all is well."""
    counts = count_waiting(session, shop_id, (SkipReason.SENDER_REFUSED, SkipReason.RELAY_AWAY))
    told = []
    if not CHANNELS[Channel.EMAIL].is_set_up():
        told.append(
            say.text(
                "No email provider is set up, so no emails are sent. "
                "The operator sets one with REGULARS_SMTP_URL."
            )
        )
    if count := counts[SkipReason.SENDER_REFUSED]:
        told.append(say.plural(
            "The email provider refuses your sender address. %(num)s email is waiting.",
            "The email provider refuses your sender address. %(num)s emails are waiting.",
            count,
        ))  # fmt: skip
    if count := counts[SkipReason.RELAY_AWAY]:
        told.append(say.plural(
            "The email provider can't be reached or accepts nothing. %(num)s email is waiting.",
            "The email provider can't be reached or accepts nothing. %(num)s emails are waiting.",
            count,
        ))  # fmt: skip
    return told
