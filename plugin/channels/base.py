"""A channel sends a message through its provider, or raises a `SendError` that says why not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from plugin.errors import RegularsError


class SendError(RegularsError):
    """A message was not accepted, or its acceptance is unknown.

    `permanent`: another attempt would fail alike. `ambiguous`: the connection broke after the
    message was handed over. `address_gone`: the address was refused, not the content.
    """

    def __init__(
        self,
        message: str,
        permanent: bool = False,
        *,
        ambiguous: bool = False,
        address_gone: bool = False,
    ) -> None:
        super().__init__(message, status=502)
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.address_gone = address_gone


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, ready to send; `key` is the same at each attempt."""

    message_id: int
    shop_id: int
    idempotency_key: str
    recipient: str
    sender_name: str
    sender: str
    subject: str
    html: str
    text: str
    unsubscribe_url: str
    sent_at: datetime
    deadline: float  # by time.monotonic(): after this another worker may send it


class Channel(Protocol):
    """A way to reach people."""

    name: str

    def send(self, letter: Letter) -> None:
        """Hand a message to the provider; return when it was accepted.

        Raises:
            SendError: it was not accepted, or its acceptance is unknown.
        """
