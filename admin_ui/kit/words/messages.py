"""Messages and flows in words: states, and why a message was not sent or a shopper left."""

from admin_ui.kit.language import Language
from admin_ui.kit.words.events import METRICS
from admin_ui.kit.words.labels import label
from plugin.channels.registry import CHANNELS as CHANNELS_TO_SEND_ON
from plugin.texts import N_
from storage.messages import Message, MessageState

STATES = {
    "due": N_("Waiting to be sent"),
    "sending": N_("Being sent"),
    "accepted": N_("Sent"),
    "failed": N_("Failed"),
    "ambiguous": N_("Not certain"),
    "skipped": N_("Not sent"),
}
TONES = {
    "accepted": "good", "failed": "bad", "ambiguous": "warn", "skipped": "quiet", "due": "info",
    "sending": "info",
}  # fmt: skip
REASONS = {
    "suppressed": N_("The shopper asked to be forgotten and has not signed up again since."),
    "no_consent": N_("This address never agreed to marketing messages on this channel."),
    "pending": N_("The address was not confirmed yet: the mail with the button waits for a click."),
    "implied_expired": N_("A purchase allowed messages for a time, which is over."),
    "no_proof": N_(
        "The law asks for proof of a consent to texts: the words shown, the form, the page and the "
        "device. It is not complete for this number."
    ),
    "paused": N_("They take a break from messages."),
    "topic": N_("They are not interested in what this flow is about."),
    "frequency": N_("They want one message a week at most, and have had it."),
    "stopped": N_("They stopped every message on this channel, also those about orders."),
    "unsubscribed": N_("This address had unsubscribed before the message was due."),
    "no_address": N_("We know no address of theirs for this channel."),
    "bounced": N_("The mailbox does not exist: an earlier mail to it came back."),
    "flow_off": N_("The flow was switched off before the message was due."),
    "left_flow": N_("They left the flow before the message was due."),
    "filter": N_("They no longer met the flow's conditions."),
    "shop_uninstalled": N_("The app was not installed when the message was due."),
    "no_profile": N_("The shopper's profile was deleted."),
    "no_sender": N_("The shop has no sender address. Set it in Settings."),
    "no_postal_address": N_(
        "The shop has no postal address, which the law asks for in every marketing mail. "
        "Set it in Settings."
    ),
    "waits_for_coupon": N_("It waits for a discount code from Shopify."),
    "no_coupon": N_("Shopify gave no discount code for an hour, so no mail promised one."),
    "render": N_("The template could not be filled in for this shopper."),
    "no_template": N_("The template no longer exists."),
    "no_channel": N_("There is no way to send on this channel yet."),
    "try_again": N_("The mail relay asked to try again later."),
    "gave_up": N_("The mail relay kept putting it off for three days."),
    "rejected": N_("The mail relay refused the message."),
    "address_gone": N_("The mail relay says that this mailbox does not exist."),
    "ambiguous": N_(
        "The line broke while it was handed over, so it may have arrived. It is not sent again: "
        "nobody should get it twice."
    ),
}
CHANNELS = {
    "email": N_("Email"), "sms": N_("SMS"), "whatsapp": N_("WhatsApp"), "rcs": N_("RCS"),
    "viber": N_("Viber"), "push": N_("Push notification"), "voice": N_("Phone call"),
    "line": N_("LINE"),
}  # fmt: skip
ENROLMENTS = {
    "waiting": N_("In it now"),
    "finished": N_("Went through"),
    "left": N_("Left early"),
    "failed": N_("Failed"),
}
EXIT_REASONS = {
    "flow_off": N_("The flow was switched off."),
    "shop_uninstalled": N_("The app was uninstalled."),
    "filter": N_("They no longer met the flow's conditions."),
    "error": N_("A step failed several times."),
}


def message_state(message: Message, say: Language) -> str:
    """Where a message is; one that was sent without a subject, by what its channel calls that."""
    spec = CHANNELS_TO_SEND_ON.get(message.channel)
    if message.state == MessageState.ACCEPTED and not message.subject and spec is not None:
        return label(METRICS, spec.metrics.received, say)
    return label(STATES, message.state, say)


def reason(code: str, say: Language) -> str:
    """Why a message was not sent; a code may carry a detail after a colon."""
    name, _, detail = code.partition(":")
    if code == "did:Placed Order":
        return say.text("They placed an order before the message was due.")
    if name == "did":
        return say.text("They did this: %(what)s", what=label(METRICS, detail, say))
    return label(REASONS, name, say)


def exit_reason(code: str, say: Language) -> str:
    """Return why a shopper exited a flow early."""
    if code in EXIT_REASONS:
        return say.text(EXIT_REASONS[code])
    return reason(code, say)
