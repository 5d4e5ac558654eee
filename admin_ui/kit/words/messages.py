"""Messages and flows in words: states, and why a message was not sent or a shopper left."""

from admin_ui.kit.language import Language
from admin_ui.kit.words.events import METRICS
from admin_ui.kit.words.labels import label
from plugin.channels.registry import CHANNELS as CHANNELS_TO_SEND_ON
from plugin.texts import N_
from storage.channels import Channel
from storage.flows import EnrolmentState, ExitReason
from storage.messages import Message, MessageState, SkipReason

STATES: dict[str, str] = {
    MessageState.DUE: N_("Scheduled"),
    MessageState.SENDING: N_("Sending"),
    MessageState.ACCEPTED: N_("Sent"),
    MessageState.FAILED: N_("Failed"),
    MessageState.AMBIGUOUS: N_("Unknown"),
    MessageState.SKIPPED: N_("Not sent"),
}
TONES: dict[str, str] = {
    MessageState.ACCEPTED: "good",
    MessageState.FAILED: "bad",
    MessageState.AMBIGUOUS: "warn",
    MessageState.SKIPPED: "quiet",
    MessageState.DUE: "info",
    MessageState.SENDING: "info",
}
REASONS: dict[str, str] = {
    SkipReason.SUPPRESSED: N_("Not sent: customer asked for their data to be deleted."),
    SkipReason.NO_CONSENT: N_("Not sent: not subscribed on this channel."),
    SkipReason.MARKETPLACE: N_(
        "Not sent: a marketplace's address, which may be used for orders only."
    ),
    SkipReason.PENDING: N_("Not sent: address not confirmed yet."),
    SkipReason.IMPLIED_EXPIRED: N_("Not sent: implied consent from a purchase has expired."),
    SkipReason.NO_PROOF: N_(
        "Not sent: consent proof required by law is incomplete (form, page, disclosure or device)."
    ),
    SkipReason.PAUSED: N_("Not sent: customer paused marketing."),
    SkipReason.TOPIC: N_("Not sent: customer opted out of this topic."),
    SkipReason.FREQUENCY: N_("Not sent: customer gets at most one message a week."),
    SkipReason.SMART_SENDING: N_("Not sent: too soon after another message (smart sending)."),
    SkipReason.MESSAGE_FILTER: N_("Not sent: customer doesn't meet this message's conditions."),
    SkipReason.STOPPED: N_(
        "Not sent: customer stopped all messages on this channel, including order updates."
    ),
    SkipReason.UNSUBSCRIBED: N_("Not sent: unsubscribed."),
    SkipReason.NO_ADDRESS: N_("Not sent: no address for this channel."),
    SkipReason.BOUNCED: N_("Not sent: an earlier email to this address bounced."),
    SkipReason.FLOW_OFF: N_("Not sent: flow turned off."),
    SkipReason.LEFT_FLOW: N_("Not sent: customer exited the flow."),
    ExitReason.FILTER: N_("No longer meets the flow's conditions."),
    ExitReason.CHECKOUT_OVER: N_("The checkout was completed or emptied."),
    SkipReason.SHOP_UNINSTALLED: N_("Not sent: app uninstalled."),
    SkipReason.NO_PROFILE: N_("Not sent: profile deleted."),
    SkipReason.NO_SENDER: N_("Not sent: no sender email. Add one in Settings."),
    SkipReason.HEARSAY: N_(
        "Not sent: a browser reported this, and nothing shows yet that it is this customer's."
    ),
    SkipReason.MAILBOX_LIMIT: N_(
        "Not sent: this mailbox had enough confirmation emails today. It has many spellings."
    ),
    SkipReason.SENDER_UNPROVEN: N_(
        "Not sent: your sender email isn't confirmed yet. Confirm it in Settings."
    ),
    SkipReason.NO_POSTAL_ADDRESS: N_(
        "Not sent: no postal address, which marketing emails must include. Add one in Settings."
    ),
    SkipReason.WAITS_FOR_COUPON: N_("Waiting for a discount code from Shopify."),
    SkipReason.NO_COUPON: N_("Not sent: no discount code from Shopify for an hour."),
    SkipReason.RENDER: N_("Not sent: the template couldn't be rendered for this customer."),
    SkipReason.NO_TEMPLATE: N_("Not sent: template deleted."),
    SkipReason.NO_CHANNEL: N_("Not sent: channel not set up."),
    SkipReason.TRY_AGAIN: N_("The email provider asked to retry later."),
    SkipReason.RELAY_AWAY: N_(
        "Waiting: the email provider can't be reached or accepts nothing. We keep trying."
    ),
    SkipReason.SENDER_REFUSED: N_(
        "The email provider refuses your sender address. Check it in Settings; it is tried again."
    ),
    SkipReason.GAVE_UP: N_("Not sent: the email provider deferred it for three days."),
    SkipReason.REJECTED: N_("Not sent: the email provider rejected it."),
    SkipReason.ADDRESS_GONE: N_("Not sent: this address doesn't exist."),
    SkipReason.AMBIGUOUS: N_(
        "The connection dropped, so this email may have been delivered. We won't resend it."
    ),
    SkipReason.RESTORED: N_(
        "Not sent: it was due before a backup was restored, and counts as sent by then."
    ),
}
NOT_SUBSCRIBED: dict[str, str] = {
    Channel.EMAIL: N_("Not sent: not subscribed to email marketing."),
    Channel.SMS: N_("Not sent: not subscribed to SMS marketing."),
}
CHANNELS: dict[str, str] = {
    Channel.EMAIL: N_("Email"),
    Channel.SMS: N_("SMS"),
    Channel.WHATSAPP: N_("WhatsApp"),
    Channel.RCS: N_("RCS"),
    Channel.VIBER: N_("Viber"),
    Channel.PUSH: N_("Push notification"),
    Channel.VOICE: N_("Phone call"),
    Channel.LINE: N_("LINE"),
}
ENROLMENTS: dict[str, str] = {
    EnrolmentState.WAITING: N_("Active"),
    EnrolmentState.FINISHED: N_("Completed"),
    EnrolmentState.EXITED: N_("Exited early"),
    EnrolmentState.FAILED: N_("Failed"),
}
EXIT_REASONS: dict[str, str] = {
    ExitReason.FLOW_OFF: N_("Flow turned off."),
    ExitReason.SHOP_UNINSTALLED: N_("App uninstalled."),
    ExitReason.FILTER: N_("No longer meets the flow's conditions."),
    ExitReason.CHECKOUT_OVER: N_("The checkout was completed or emptied."),
    ExitReason.ERROR: N_("A step failed several times."),
}


def message_state(message: Message, say: Language) -> str:
    """Where a message is; one that was sent without a subject, by what its channel calls that."""
    spec = CHANNELS_TO_SEND_ON.get(message.channel)
    if message.state == MessageState.ACCEPTED and not message.subject and spec is not None:
        return label(METRICS, spec.metrics.received, say)
    return label(STATES, message.state, say)


def reason(code: str, say: Language, channel: str = "") -> str:
    """Why a message was not sent on a channel; a code may carry a detail after a colon."""
    name, _, detail = code.partition(":")
    if name == SkipReason.NO_CONSENT and channel in NOT_SUBSCRIBED:
        return say.text(NOT_SUBSCRIBED[channel])
    if code == "did:Placed Order":
        return say.text("Placed an order first.")
    if name == "did":
        return say.text("Already did this: %(what)s", what=label(METRICS, detail, say))
    return label(REASONS, name, say)


def exit_reason(code: str, say: Language) -> str:
    """Return why a shopper exited a flow early."""
    if code in EXIT_REASONS:
        return say.text(EXIT_REASONS[code])
    return reason(code, say)
