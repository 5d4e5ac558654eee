"""Wait for a while: Klaviyo's `time-delay`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator

from plugin.flows.fields import FieldReader, Shape, Text, Unsupported
from plugin.flows.steps.base import Next, StepBatch, Wait
from plugin.flows.timeframes import Quantity
from storage.engine.types import JsonObject
from storage.flows import Enrolment

# The units of `value`, and of the `secondary_value` beside it: Klaviyo has none beside minutes.
UNITS = {
    "minutes": (timedelta(minutes=1), None),
    "hours": (timedelta(hours=1), timedelta(minutes=1)),
    "days": (timedelta(days=1), timedelta(hours=1)),
}
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _check_weekdays(days: list[Weekday]) -> list[Weekday]:
    if len(set(days)) < 7:
        raise ValueError("isn't supported yet. Leave it out, or name all seven days")
    return days


class TimeDelayData(Shape):
    """How long it waits. `timezone` is that of `delay_until_time`, so it says nothing without."""

    unit: Literal["minutes", "hours", "days"] = "days"
    value: Quantity
    secondary_value: Quantity | None = None
    timezone: Text = "profile"
    delay_until_time: Unsupported = None
    delay_until_weekdays: Annotated[list[Weekday], AfterValidator(_check_weekdays)] | None = None


@dataclass(frozen=True, slots=True)
class TimeDelay:
    """Wait as long as this."""

    LINKS: ClassVar[Sequence[str]] = ("next",)

    duration: timedelta

    @classmethod
    def parse(cls, reader: FieldReader, kind: str, data: JsonObject | None) -> Self:
        """Read the time to wait."""
        read = reader.read(TimeDelayData, data)
        first, second = UNITS[read.unit]
        if not read.secondary_value:
            return cls(read.value * first)
        if second is None:
            raise reader.at("secondary_value").refuse("isn't supported with minutes.")
        return cls(read.value * first + read.secondary_value * second)

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Wait: a flow's first wait counts from what set it off, a later one from now; in a
        restored copy from when the lost one came here.
        """
        reached_at = enrolment.due_at if batch.was_sent(enrolment) else batch.now
        return Wait((enrolment.started_at if is_entry else reached_at) + self.duration)
