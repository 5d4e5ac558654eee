"""Channels: the ways to reach a shopper, and what each reaches them by."""

from enum import StrEnum

from storage.profiles import IdentityKind


class Channel(StrEnum):
    """A way to reach a shopper."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    RCS = "rcs"
    VIBER = "viber"
    VOICE = "voice"
    PUSH = "push"
    LINE = "line"


# LINE is missing: it has its own ids of people, and no source of ours tells them yet.
IDENTITY_KIND: dict[str, IdentityKind] = {
    Channel.EMAIL: IdentityKind.EMAIL,
    Channel.SMS: IdentityKind.PHONE,
    Channel.WHATSAPP: IdentityKind.PHONE,
    Channel.RCS: IdentityKind.PHONE,
    Channel.VIBER: IdentityKind.PHONE,
    Channel.VOICE: IdentityKind.PHONE,
    Channel.PUSH: IdentityKind.PUSH,
}
# The channels that the storefront keeps a consent for, and customer exports have columns of.
STOREFRONT_CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP)


def channels_reached_by(identity_kind: str) -> list[Channel]:
    """The channels that an identity of this kind is an address on."""
    return [channel for channel in Channel if IDENTITY_KIND.get(channel) == identity_kind]
