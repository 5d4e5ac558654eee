"""What the steps of a flow do: a kind is a file here and a line in `STEPS`; each channel sends."""

from plugin.channels.registry import channel_of_action
from plugin.errors import RegularsError
from plugin.flows.steps.base import Step
from plugin.flows.steps.send_message import SendMessage
from plugin.flows.steps.time_delay import TimeDelay
from storage.engine.types import JsonObject

STEPS: dict[str, type[Step]] = {
    "time-delay": TimeDelay,
}


def parse_step(action_id: str, kind: str, data: JsonObject) -> Step:
    """Read what an action does from the data of its definition.

    Raises:
        RegularsError: it is of a kind that we cannot run, or wrong in a part that the error names.
    """
    if channel_of_action(kind) is not None:
        return SendMessage.parse(action_id, kind, data)
    if kind not in STEPS:
        raise RegularsError(f"Step {action_id} is a {kind}, which isn't supported yet.", 422)
    return STEPS[kind].parse(action_id, kind, data)
