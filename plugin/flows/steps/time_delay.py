"""Wait for a while: Klaviyo's `time-delay`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from plugin.errors import RegularsError
from plugin.flows.steps.base import Next, StepBatch, Wait
from storage.engine.types import JsonObject
from storage.flows import Enrolment

# The units of `value`, and of the `secondary_value` beside it: Klaviyo has none beside minutes.
UNITS = {
    "minutes": (timedelta(minutes=1), None),
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
        more = data.get("secondary_value")
        if not more:
            return cls(value * first)
        if second is None:
            raise RegularsError(
                f"Step {action_id} uses secondary_value with minutes, which isn't supported yet.",
                422,
            )
        return cls(value * first + more * second)

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Wait: a flow's first wait counts from what set it off, a later one from now."""
        return Wait((enrolment.started_at if is_entry else batch.now) + self.duration)
