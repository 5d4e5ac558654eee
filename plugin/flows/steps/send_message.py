"""Send a message: Klaviyo's `send-email`, `send-sms` and so on, one a channel of the registry."""

from dataclasses import dataclass
from typing import Self

from plugin.channels.registry import channel_of_action
from plugin.errors import RegularsError
from plugin.flows.steps.base import Follow, Next, StepBatch
from storage.channels import Channel
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.flows import Enrolment, StepOutcome


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Put a message into the outbox."""

    channel: Channel
    template_id: str
    transactional: bool

    @classmethod
    def parse(cls, action_id: str, kind: str, data: JsonObject) -> Self:
        """Read which message goes on which channel."""
        channel = channel_of_action(kind)
        assert channel is not None
        message = data.get("message") or {}
        if not message.get("template_id"):
            raise RegularsError(f"Step {action_id} needs a message with a template.", 422)
        return cls(channel, str(message["template_id"]), bool(message.get("transactional")))

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
