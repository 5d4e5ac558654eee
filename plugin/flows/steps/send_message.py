"""Send a message: Klaviyo's `send-email`, `send-sms` and so on, one a channel of the registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import Field

from plugin.channels.registry import channel_of_action
from plugin.flows.fields import FieldReader, Shape, TemplateId, Text, Unsupported
from plugin.flows.filters import ProfileFilter, Who, matches_filter
from plugin.flows.steps.base import Follow, Next, StepBatch
from storage.channels import Channel
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.flows import ActionStatus, Enrolment, StepOutcome
from storage.messages import MessageState, SkipReason


class MessageData(Shape):
    """The message of a step. Who sends it says the shop, what it says its template."""

    id: Text | None = None
    name: Text | None = None
    template_id: TemplateId
    smart_sending_enabled: bool = True
    # Ours: as smart sending, but only this flow's own messages count.
    smart_sending_in_flow: bool = Field(default=False, alias="regulars-smart-sending-in-flow")
    transactional: bool = False
    from_email: Unsupported = None
    from_label: Unsupported = None
    reply_to_email: Unsupported = None
    cc_email: Unsupported = None
    bcc_email: Unsupported = None
    subject_line: Unsupported = None
    preview_text: Unsupported = None
    add_tracking_params: bool = False
    custom_tracking_params: Unsupported = None
    additional_filters: ProfileFilter | None = None


class SendMessageData(Shape):
    """A message, and whether it is switched on."""

    message: MessageData
    status: Annotated[ActionStatus, Field(strict=False)] = ActionStatus.DRAFT


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Put a message into the outbox, unless it is off."""

    LINKS: ClassVar[Sequence[str]] = ("next",)

    channel: Channel
    message: MessageData
    is_live: bool

    @classmethod
    def parse(cls, reader: FieldReader, kind: str, data: JsonObject | None) -> Self:
        """Read which message goes on which channel."""
        channel = channel_of_action(kind)
        assert channel is not None
        read = reader.read(SendMessageData, data)
        return cls(channel, read.message, read.status == ActionStatus.LIVE)

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Queue the message; its key makes a second time a no-op."""
        if not self.is_live:
            batch.log_step(enrolment, action_id, StepOutcome.SKIPPED)
            return Follow()
        reason = self._skip_reason(batch, enrolment)
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
                "transactional": self.message.transactional,
                "smart_sending": self.message.smart_sending_enabled,
                "smart_sending_in_flow": self.message.smart_sending_in_flow,
                "tracking_params": self.message.add_tracking_params,
                "flow_id": enrolment.flow_id,
                "enrolment_id": enrolment.id,
                "event_id": enrolment.event_id,
                "action_id": action_id,
                "template_id": int(self.message.template_id),
                "state": MessageState.SKIPPED if reason else MessageState.DUE,
                "skip_reason": reason or "",
                "due_at": batch.now,
                "lease_until": batch.lease_until,
                "created_at": batch.now,
            }
        )
        batch.log_step(enrolment, action_id, StepOutcome.SKIPPED if reason else StepOutcome.QUEUED)
        return Follow()

    def _skip_reason(self, batch: StepBatch, enrolment: Enrolment) -> SkipReason | None:
        """Why the message is not to be sent, or nothing."""
        if batch.was_sent(enrolment):
            return SkipReason.RESTORED
        who = Who(batch.shop_id, enrolment.profile_id, enrolment.started_at)
        if not matches_filter(batch.session, self.message.additional_filters, who, batch.now):
            return SkipReason.MESSAGE_FILTER
        return None
