"""What the steps of a flow do: a kind is a file here and a line in `STEPS`; each channel sends."""

from plugin.channels.registry import channel_of_action
from plugin.flows.fields import FieldReader
from plugin.flows.steps.base import Step
from plugin.flows.steps.send_message import SendMessage
from plugin.flows.steps.time_delay import TimeDelay
from storage.engine.types import JsonObject

STEPS: dict[str, type[Step]] = {
    "time-delay": TimeDelay,
}


def parse_step(action: FieldReader, kind: str, data: JsonObject | None) -> Step:
    """Read what an action does from the data of its definition.

    Raises:
        RegularsError: it is of a kind that we cannot run, or wrong in a part that the error names.
    """
    step: type[Step] | None = (
        SendMessage if channel_of_action(kind) is not None else STEPS.get(kind)
    )
    if step is None:
        raise action.at("type").refuse(f"{kind} isn't supported yet.")
    return step.parse(action.at("data"), kind, data)
