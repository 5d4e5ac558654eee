"""A channel hands an envelope and its content to a provider, or raises a `SendError` that says why
not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from plugin.errors import RegularsError
from storage.channels import Channel


class SendError(RegularsError):
    """A message was not accepted, or its acceptance is unknown.

    `permanent`: another attempt would fail alike. `ambiguous`: the connection broke after the
    message was handed over. `address_gone`: the address was refused, not the content.
    `address_doubtful`: the address was refused by words that may not hold tomorrow.
    `sender_refused`: our own sender was refused, which says nothing of the recipient. `away`: it
    takes no message now, whatever it says. `broke`: the line broke before the message was handed
    over. `until`: when it may be asked again.
    """

    def __init__(
        self,
        message: str,
        permanent: bool = False,
        *,
        ambiguous: bool = False,
        address_gone: bool = False,
        address_doubtful: bool = False,
        sender_refused: bool = False,
        away: bool = False,
        broke: bool = False,
        until: datetime | None = None,
    ) -> None:
        super().__init__(message, status=502)
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.address_gone = address_gone
        self.address_doubtful = address_doubtful
        self.sender_refused = sender_refused
        self.away = away
        self.broke = broke
        self.until = until

    @property
    def is_about_message(self) -> bool:
        """Whether it says anything of this message, which was tried then; else none would go."""
        return not (self.away or self.sender_refused)

    @property
    def lost_line(self) -> bool:
        """Whether the line broke, before or after the message was handed over."""
        return self.broke or self.ambiguous

    @property
    def is_about_address(self) -> bool:
        """Whether the recipient's address was refused, for good or for now."""
        return self.address_gone or self.address_doubtful


@dataclass(frozen=True, slots=True)
class Envelope:
    """The recipient and the sender of a message; its key is the same at each attempt."""

    shop_id: int
    message_id: int
    idempotency_key: str
    channel: Channel
    recipient: str
    sender: str
    sent_at: datetime
    deadline: float  # by time.monotonic(): after this another worker may send it
    transactional: bool = False
    reply_to: str = ""  # where answers go; "" to the sender


@dataclass(frozen=True, slots=True)
class EmailContent:
    """What a mail says."""

    subject: str
    html: str
    text: str
    sender_name: str
    unsubscribe_url: str  # "" for mail that is no message to a shopper


@dataclass(frozen=True, slots=True)
class TextContent:
    """What a text says: SMS, RCS, WhatsApp, Viber, LINE."""

    text: str
    media_urls: Sequence[str] = ()


Content = EmailContent | TextContent
ContentT = TypeVar("ContentT", EmailContent, TextContent, contravariant=True)


class Provider(Protocol[ContentT]):
    """A service that delivers messages of one channel."""

    name: str

    def get_ready(self, sender: str) -> None:
        """Connect, where that takes time, before messages of `sender` are sent.

        Raises:
            SendError: none can be sent now; `until` says when to ask again.
        """

    def send(self, envelope: Envelope, content: ContentT) -> str:
        """Send a message; return the provider's own id for it, or "" where it gives none.

        Raises:
            SendError: it was not accepted, or its acceptance is unknown.
        """

    def detects_repeats(self) -> bool:
        """Return whether a second attempt under the same key is not delivered twice."""

    def is_set_up(self) -> bool:
        """Return whether the settings say how to reach it."""


class ChannelMetrics(NamedTuple):
    """What shoppers do with messages of a channel, by Klaviyo's names."""

    received: str
    opened: str
    clicked: str
    bounced: str
    subscribed: str
    unsubscribed: str

    @classmethod
    def of(cls, title: str) -> "ChannelMetrics":
        """The metrics of a channel that Klaviyo calls `title`: Email, SMS."""
        return cls(
            received=f"Received {title}",
            opened=f"Opened {title}",
            clicked=f"Clicked {title}",
            bounced=f"Bounced {title}",
            subscribed=f"Subscribed to {title} Marketing",
            unsubscribed=f"Unsubscribed from {title} Marketing",
        )


class ChannelSpec(NamedTuple):
    """A channel that can be sent on: its content, its providers, and what a message needs there."""

    flow_action: str  # the type of the action that sends on it, as Klaviyo's flows have it
    content: type[Content]
    metrics: ChannelMetrics
    providers: tuple[Provider[Any], ...]  # the first that is set up sends
    needs_sender: bool  # the shop's sender address
    needs_postal_address: bool  # in marketing
    smart_sending_window: timedelta  # in which a second message of marketing is one too many

    def choose_provider(self, had_it: str = "") -> Provider[Any]:
        """The provider that sends; where none is set up, the first, which says so.

        A message that one `had_it` goes to the same again while that is set up: no other knows
        whether it was delivered.
        """
        ready = [each for each in self.providers if each.is_set_up()]
        same = [each for each in ready if each.name == had_it]
        return next(iter((*same, *ready)), self.providers[0])

    def is_set_up(self) -> bool:
        """Whether any provider is, so that messages can go."""
        return any(each.is_set_up() for each in self.providers)

    def detects_repeats(self, name: str) -> bool:
        """Whether the provider of this name does; one that we have no longer does not."""
        return any(each.name == name and each.detects_repeats() for each in self.providers)
