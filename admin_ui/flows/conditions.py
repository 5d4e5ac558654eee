"""A flow's conditions in words: who enters it, who stays, who gets one of its messages."""

from collections.abc import Sequence
from datetime import datetime

from admin_ui.kit import words
from admin_ui.kit.language import Language
from plugin.flows.filters import VALUE
from plugin.texts import N_
from storage.engine.types import JsonObject

NUMBERS = {
    "equals": N_("exactly %(value)s"),
    "not-equals": N_("anything but %(value)s"),
    "greater-than": N_("more than %(value)s"),
    "greater-than-or-equal": N_("at least %(value)s"),
    "less-than": N_("less than %(value)s"),
    "less-than-or-equal": N_("at most %(value)s"),
    "between": N_("%(start)s to %(end)s"),
}
TEXTS = {
    "equals": N_("%(property)s is “%(value)s”"),
    "not-equals": N_("%(property)s isn't “%(value)s”"),
    "contains": N_("%(property)s contains “%(value)s”"),
    "not-contains": N_("%(property)s doesn't contain “%(value)s”"),
    "starts-with": N_("%(property)s starts with “%(value)s”"),
    "not-starts-with": N_("%(property)s doesn't start with “%(value)s”"),
    "ends-with": N_("%(property)s ends with “%(value)s”"),
    "not-ends-with": N_("%(property)s doesn't end with “%(value)s”"),
    "in": N_("%(property)s is one of: %(value)s"),
    "not-in": N_("%(property)s is none of: %(value)s"),
}
LISTS = {
    "contains": N_("%(property)s includes “%(value)s”"),
    "not-contains": N_("%(property)s doesn't include “%(value)s”"),
    "contains-substring": N_("%(property)s includes a text with “%(value)s”"),
    "not-contains-substring": N_("%(property)s includes no text with “%(value)s”"),
    "contains-all": N_("%(property)s includes all of: %(value)s"),
    "contains-any": N_("%(property)s includes any of: %(value)s"),
    "not-contains-all": N_("%(property)s doesn't include all of: %(value)s"),
    "not-contains-any": N_("%(property)s includes none of: %(value)s"),
}
EXISTENCE = {
    "is-set": N_("%(property)s is set"),
    "not-set": N_("%(property)s isn't set"),
}
TIMEFRAMES = {
    "alltime": N_("at any time"),
    "flow-start": N_("since entering the flow"),
    "before": N_("before %(date)s"),
    "after": N_("after %(date)s"),
    "between-static": N_("between %(start)s and %(end)s"),
    "in-the-last": N_("in the last %(time)s"),
    "in-the-next": N_("in the next %(time)s"),
    "at-least": N_("at least %(time)s ago"),
    "between": N_("%(start)s to %(end)s ago"),
}


def of_flow(definition: JsonObject, say: Language) -> list[str]:
    """Return the conditions of a flow, each as a sentence."""
    found = [
        sentence
        for trigger in definition.get("triggers") or []
        for sentence in of_filter(trigger.get("trigger_filter"), say)
    ]
    found += of_filter(definition.get("profile_filter"), say)
    again = definition.get("reentry_criteria") or {}
    if again.get("duration"):
        if again["unit"] == "alltime":
            found.append(say.text("Each customer can enter once."))
        else:
            time = span(again["duration"], again["unit"], say)
            found.append(say.text("Each customer can enter again after %(time)s.", time=time))
    return found


def of_filter(given: JsonObject | None, say: Language) -> list[str]:
    """Return what has to be so, a sentence a group; of a group's conditions one is enough."""
    return [_group(group["conditions"], say) for group in (given or {}).get("condition_groups", ())]


def span(value: int, unit: str, say: Language) -> str:
    """A time of so many minutes, hours, days or weeks."""
    # Babel's own names of units lack a pattern in Chinese.
    match unit.removesuffix("s"):
        case "minute":
            return say.plural("%(num)s minute", "%(num)s minutes", value)
        case "hour":
            return say.plural("%(num)s hour", "%(num)s hours", value)
        case "week":
            return say.plural("%(num)s week", "%(num)s weeks", value)
        case _:
            return say.plural("%(num)s day", "%(num)s days", value)


def _group(conditions: Sequence[JsonObject], say: Language) -> str:
    if len(conditions) == 1 and _ends_flow(conditions[0]):
        what = words.label(words.METRICS, conditions[0]["metric_id"], say)
        return say.text("Exits the flow when: %(what)s", what=what)
    either = [_condition(each, say) for each in conditions]
    said = either[0]
    for other in either[1:]:
        said = say.text("%(one)s, or %(other)s", one=said, other=other)
    return say.text("Only if: %(condition)s", condition=said)


def _ends_flow(condition: JsonObject) -> bool:
    """Whether it holds until the shopper does something once."""
    wanted = condition.get("measurement_filter") or {}
    since = (condition.get("timeframe_filter") or {}).get("operator")
    never = wanted.get("operator") == "equals" and wanted.get("value") == 0
    return never and since == "flow-start" and not condition.get("metric_filters")


def _condition(condition: JsonObject, say: Language) -> str:
    if "field" in condition:
        return _property(condition["field"], condition["filter"], say)
    counted = condition["measurement"] == "count"
    said = say.text(
        N_("%(what)s %(number)s times %(when)s")
        if counted
        else N_("%(what)s for a total of %(number)s %(when)s"),
        what=words.label(words.METRICS, condition["metric_id"], say),
        number=_number(condition["measurement_filter"], say),
        when=_timeframe(condition["timeframe_filter"], say),
    )
    only = [
        _property(each["property"], each["filter"], say)
        for each in condition.get("metric_filters") or ()
    ]
    if not only:
        return said
    return say.text("%(condition)s (where %(properties)s)", condition=said,
                    properties=say.listing(only))  # fmt: skip


def _number(wanted: JsonObject, say: Language) -> str:
    figures = {
        name: say.number(wanted[name]) for name in ("value", "start", "end") if name in wanted
    }
    form = NUMBERS[wanted["operator"]]
    return say.text(form, **figures)


def _timeframe(wanted: JsonObject, say: Language) -> str:
    shown = {
        name: say.moment(datetime.fromisoformat(wanted[name]))
        for name in ("date", "start", "end")
        if isinstance(wanted.get(name), str)
    }
    if "quantity" in wanted:
        shown["time"] = span(wanted["quantity"], wanted["unit"], say)
    elif "unit" in wanted:
        shown = {name: span(wanted[name], wanted["unit"], say) for name in ("start", "end")}
    form = TIMEFRAMES[wanted["operator"]]
    return say.text(form, **shown)


def _property(name: str, wanted: JsonObject, say: Language) -> str:
    shown = say.text("Event value") if name == VALUE else name
    operator, value = wanted["operator"], wanted.get("value")
    if isinstance(value, list):
        value = say.listing(value)
    match wanted["type"]:
        case "numeric":
            number = _number(wanted, say)
            return say.text("%(property)s is %(number)s", property=shown, number=number)
        case "boolean":
            yes, no = N_("%(property)s is true"), N_("%(property)s is false")
            return say.text(yes if value else no, property=shown)
        case "existence":
            return say.text(EXISTENCE[operator], property=shown)
        case "list" if operator.startswith("length-"):
            number = _number(wanted | {"operator": operator.removeprefix("length-")}, say)
            return say.text("%(property)s has %(number)s entries", property=shown, number=number)
        case "list":
            return say.text(LISTS[operator], property=shown, value=value)
        case _:
            return say.text(TEXTS[operator], property=shown, value=value)
