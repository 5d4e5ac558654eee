"""Draw a flow: its steps as sentences with their counts, in order."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from admin_ui.flows.conditions import of_filter, span
from admin_ui.kit import words
from admin_ui.kit.language import Language
from plugin.channels.registry import CHANNELS, channel_of_action
from plugin.texts import N_
from storage.channels import Channel
from storage.engine.types import JsonObject
from storage.flows import ActionStatus, StepOutcome
from storage.messages import MessageState

SECOND = {"hours": "minutes", "days": "hours"}  # of a delay's `secondary_value`
STARTS = {
    "Checkout Started": N_("When someone starts a checkout"),
    "Placed Order": N_("When someone places an order"),
    "Added to Cart": N_("When someone adds to cart"),
    "Viewed Product": N_("When someone views a product"),
    "Active on Site": N_("When someone visits the store"),
    "Cancelled Order": N_("When an order is canceled"),
    "Fulfilled Order": N_("When an order is fulfilled"),
}
BRANCHES = {"next_if_true": N_("If yes"), "next_if_false": N_("If no")}  # by their links


@dataclass(frozen=True)
class Counted:
    """What happened at the steps of a flow, by action id."""

    waiting: dict[str, int]
    steps: dict[str, dict[StepOutcome, int]]
    messages: dict[str, dict[str, int]]
    reasons: dict[str, dict[str, int]]
    earned: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Step:
    """One step as the page shows it."""

    id: str
    kind: str
    title: str
    branch: str = ""
    status: ActionStatus = ActionStatus.LIVE
    notes: list[str] = field(default_factory=list)
    is_message: bool = False
    can_preview: bool = False
    waiting: int = 0
    due: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    orders: int = 0
    earned: int = 0
    left: int = 0
    reasons: list[tuple[str, int]] = field(default_factory=list)


def trigger(key: str, lists: dict[str, str], say: Language) -> str:
    """What sets a flow off, in words: `metric:Checkout Started`, `list:123`."""
    kind, _, name = key.partition(":")
    if kind == "list":
        if name not in lists:
            return say.text("When someone joins a deleted list")
        return say.text("When someone joins the list “%(list)s”", list=lists[name])
    if name in STARTS:
        return say.text(STARTS[name])
    return say.text("When this happens: %(what)s", what=words.label(words.METRICS, name, say))


def steps(definition: JsonObject, counted: Counted, say: Language) -> list[Step]:
    """The steps from the first to the last, one branch after the other."""
    by_id = {str(action["id"]): action for action in definition.get("actions") or []}
    found: list[Step] = []
    ahead = [(str(definition.get("entry_action_id")), "next")]
    while ahead:
        at, link = ahead.pop()
        if at not in by_id:
            continue  # an end, or where branches meet again
        action = by_id.pop(at)
        branch = say.text(BRANCHES[link]) if link in BRANCHES else ""
        found.append(replace(_step(at, action, counted, say), branch=branch))
        ahead += [(to, name) for name, to in reversed((action.get("links") or {}).items())]
    return found


def mail(definition: JsonObject, action_id: str) -> JsonObject | None:
    """The message of one action; None when it sends nothing."""
    for action in definition.get("actions") or []:
        if str(action.get("id")) == action_id and channel_of_action(str(action.get("type"))):
            message: JsonObject = (action.get("data") or {}).get("message") or {}
            return message
    return None


def _step(action_id: str, action: JsonObject, counted: Counted, say: Language) -> Step:
    data = action.get("data") or {}
    waiting = counted.waiting.get(action_id, 0)
    left = counted.steps.get(action_id, {}).get(StepOutcome.EXITED, 0)
    if action["type"] == "time-delay":
        title = say.text("Wait %(time)s", time=_time(data, say))
        return Step(action_id, "wait", title, waiting=waiting, left=left)
    channel = channel_of_action(action["type"])
    if channel is None:
        return Step(action_id, "other", str(action["type"]), waiting=waiting, left=left)
    message = data.get("message") or {}
    count = counted.messages.get(action_id, {})
    orders, earned = counted.earned.get(action_id, (0, 0))
    reasons = sorted(counted.reasons.get(action_id, {}).items(), key=lambda pair: -pair[1])
    return Step(
        action_id,
        channel,
        str(message.get("name") or words.label(words.CHANNELS, channel, say)),
        status=ActionStatus(data.get("status") or ActionStatus.DRAFT),
        notes=_notes(message, channel, say),
        is_message=True,
        can_preview=bool(message.get("template_id")) and channel == Channel.EMAIL,
        waiting=waiting,
        due=count.get(MessageState.DUE, 0) + count.get(MessageState.SENDING, 0),
        sent=count.get(MessageState.ACCEPTED, 0) + count.get(MessageState.AMBIGUOUS, 0),
        failed=count.get(MessageState.FAILED, 0),
        skipped=count.get(MessageState.SKIPPED, 0),
        opened=count.get("opened", 0),
        clicked=count.get("clicked", 0),
        unsubscribed=count.get("unsubscribed", 0),
        orders=orders,
        earned=earned,
        left=left,
        reasons=[(words.reason(code, say, channel), number) for code, number in reasons],
    )


def _notes(message: JsonObject, channel: Channel, say: Language) -> list[str]:
    """Who does not get a message, although they come to its step."""
    found = of_filter(message.get("additional_filters"), say)
    hours = CHANNELS[channel].smart_sending_window // timedelta(hours=1)
    time = span(hours, "hours", say)
    if message.get("transactional"):
        return found
    if message.get("smart_sending_enabled", True):
        found.append(
            say.text("Skipped if another message was sent in the last %(time)s.", time=time)
        )
    elif message.get("regulars-smart-sending-in-flow"):
        found.append(
            say.text("Skipped if this flow sent a message in the last %(time)s.", time=time)
        )
    return found


def _time(data: JsonObject, say: Language) -> str:
    unit = data.get("unit", "days")
    more = data.get("secondary_value") or 0
    parts = [(data.get("value") or 0, unit), (more, SECOND.get(unit, ""))]
    return " ".join(span(value, name, say) for value, name in parts if value or name == unit)
