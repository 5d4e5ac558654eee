"""Wait for a while: Klaviyo's `time-delay`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from plugin.errors import RegularsError
from plugin.flows.steps.base import Next, StepBatch, Wait
from storage.engine.types import JsonObject
from storage.flows import Enrolment

# The units of `value`, and of the `secondary_value` beside it.
UNITS = {
    "minutes": (timedelta(minutes=1), timedelta()),
    "hours": (timedelta(hours=1), timedelta(minutes=1)),
    "days": (timedelta(days=1), timedelta(hours=1)),
}


@dataclass(frozen=True, slots=True)
class TimeDelay:
    """Wait as long as this."""

    duration: timedelta

    @classmethod
    def parse(cls, action_id: str, kind: str, data: JsonObject) -> Self:
        """Read the time to wait."""
        value, unit = data["value"], data.get("unit", "days")
        if unit not in UNITS or value < 0:
            raise RegularsError(f"Step {action_id} needs a wait time.", 422)
        for option in ("delay_until_time", "delay_until_weekdays"):
            if data.get(option):
                raise RegularsError(
                    f"Step {action_id} uses {option}, which isn't supported yet.", 422
                )
        first, second = UNITS[unit]
        return cls(value * first + (data.get("secondary_value") or 0) * second)

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Wait: a flow's first wait counts from what set it off, a later one from now."""
        return Wait((enrolment.started_at if is_entry else batch.now) + self.duration)
