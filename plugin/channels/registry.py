"""The registry: the one place that knows every channel that can be sent on."""

from plugin.channels.base import ChannelSpec
from plugin.channels.email.channel import EMAIL
from storage.channels import Channel

CHANNELS: dict[Channel, ChannelSpec] = {
    Channel.EMAIL: EMAIL,
}
# A text or a call for marketing needs a written agreement, which the caller has to prove:
# 47 CFR 64.1200(f)(9), (a)(2). Carriers count messages by RCS among texts. It is the law of the
# channel: also without a provider a profile says what its addresses allow.
NEEDS_WRITTEN_CONSENT = frozenset({Channel.SMS, Channel.RCS, Channel.VOICE})


def channel_of_action(action_type: str) -> Channel | None:
    """The channel that an action of a flow sends on; None when it sends nothing."""
    found = (channel for channel, spec in CHANNELS.items() if spec.flow_action == action_type)
    return next(found, None)


def message_metrics() -> list[str]:
    """The metrics that a message itself has on any channel: received, opened, clicked, bounced."""
    return [
        name
        for spec in CHANNELS.values()
        for name in (
            spec.metrics.received,
            spec.metrics.opened,
            spec.metrics.clicked,
            spec.metrics.bounced,
        )
    ]


def is_channel_metric(name: str) -> bool:
    """Whether a name is the metric of a channel, however it is written."""
    wanted = " ".join(name.split()).casefold()
    return any(wanted == each.casefold() for spec in CHANNELS.values() for each in spec.metrics)
