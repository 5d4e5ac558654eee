"""Send a message: Klaviyo's `send-email`, `send-sms` and so on, one a channel of the registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from plugin.channels.registry import channel_of_action
from plugin.flows.fields import FieldReader, Shape, TemplateId, Text, Unsupported
from plugin.flows.steps.base import Follow, Next, StepBatch
from storage.channels import Channel
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.flows import Enrolment, StepOutcome


class MessageData(Shape):
    """The message of a step. Who sends it says the shop, what it says its template."""

    id: Text | None = None
    name: Text | None = None
    template_id: TemplateId
    smart_sending_enabled: Literal[False]
    transactional: bool = False
    from_email: Unsupported = None
    from_label: Unsupported = None
    reply_to_email: Unsupported = None
    cc_email: Unsupported = None
    bcc_email: Unsupported = None
    subject_line: Unsupported = None
    preview_text: Unsupported = None
    add_tracking_params: Literal[False] = False
    custom_tracking_params: Unsupported = None
    additional_filters: Unsupported = None


class SendMessageData(Shape):
    """A message, and whether it is switched on."""

    message: MessageData
    status: Literal["live"]


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Put a message into the outbox."""

    LINKS: ClassVar[Sequence[str]] = ("next",)

    channel: Channel
    template_id: str
    transactional: bool

    @classmethod
    def parse(cls, reader: FieldReader, kind: str, data: JsonObject | None) -> Self:
        """Read which message goes on which channel."""
        channel = channel_of_action(kind)
        assert channel is not None
        message = reader.read(SendMessageData, data).message
        return cls(channel, message.template_id, message.transactional)

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Queue the message; its key makes a second time a no-op."""
        batch.messages.append(
            {
                "shop_id": batch.shop_id,
                "id": new_id(),
                "idempotency_key": (
                    f"flow:{enrolment.flow_id}:{enrolment.id}:{action_id}:{self.channel}"
                ),
                "profile_id": enrolment.profile_id,
                "source_profile_id": enrolment.source_profile_id,
                "channel": self.channel,
                "transactional": self.transactional,
                "flow_id": enrolment.flow_id,
                "enrolment_id": enrolment.id,
                "event_id": enrolment.event_id,
                "action_id": action_id,
                "template_id": int(self.template_id),
                "due_at": batch.now,
                "lease_until": batch.lease_until,
                "created_at": batch.now,
            }
        )
        batch.log_step(enrolment, action_id, StepOutcome.QUEUED)
        return Follow()
