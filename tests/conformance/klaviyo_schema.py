"""What Klaviyo's API says of a flow's definition, as JSON Schema: the oracle of our definitions.

`FLOW` is its revision 2026-07-15 in our own words: fields, types and values, as far as our flows
come near them. The whole of it is Klaviyo's OpenAPI (github.com/klaviyo/openapi); the variable
`KLAVIYO_OPENAPI` may name a copy, and every test that asks `FLOW` then asks that as well.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]
OPENAPI = os.environ.get("KLAVIYO_OPENAPI", "")


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def either(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def record(needed: str = "", /, **fields: Schema) -> Schema:
    """An object of these fields, of which the `needed` have to be there."""
    return {
        "type": "object",
        "properties": fields,
        "required": needed.split(),
        "patternProperties": {"^regulars-": {}},  # where we go further
        "additionalProperties": False,
    }


def filter_(kind: str, *operators: str, **fields: Schema) -> Schema:
    needed = " ".join(("type", "operator", *fields))
    return record(needed, type=one_of(kind), operator=one_of(*operators), **fields)


def filters(*conditions: Schema) -> Schema:
    group = record("conditions", conditions=many(either(*conditions)))
    return record("condition_groups", condition_groups=many(group))


TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
YES_NO = {"type": "boolean"}
MOMENT = {"type": "string", "format": "date-time"}
UNIT = one_of("day", "hour", "week")

STRING = filter_(
    "string", "contains", "ends-with", "equals", "not-contains", "not-ends-with", "not-equals",
    "not-starts-with", "nregex", "regex", "starts-with", value=or_null(TEXT),
)  # fmt: skip
STRING_IN = filter_("string", "in", "not-in", value=many(TEXT))
NUMERIC = filter_(
    "numeric", "equals", "greater-than", "greater-than-or-equal", "less-than",
    "less-than-or-equal", "not-equals", value=NUMBER,
)  # fmt: skip
NUMERIC_RANGE = filter_("numeric", "between", start=NUMBER, end=NUMBER)
BOOLEAN = filter_("boolean", "equals", value=YES_NO)
EXISTENCE = filter_("existence", "is-set", "not-set")
LIST_CONTAINS = filter_("list", "contains", "not-contains", value=or_null(either(WHOLE, TEXT)))
LIST_SUBSTRING = filter_(
    "list", "contains-substring", "not-contains-substring", value=or_null(TEXT)
)
LIST_SET = filter_(
    "list", "contains-all", "contains-any", "not-contains-all", "not-contains-any",
    value=many(TEXT),
)  # fmt: skip
LIST_LENGTH = filter_(
    "list", "length-equals", "length-greater-than", "length-greater-than-or-equal",
    "length-less-than", "length-less-than-or-equal", value=WHOLE,
)  # fmt: skip

STATIC = filter_("date", "after", "before", date=MOMENT)
STATIC_RANGE = filter_("date", "between-static", start=MOMENT, end=MOMENT)
RELATIVE = filter_("date", "at-least", "in-the-last", "in-the-next", unit=UNIT, quantity=WHOLE)
RELATIVE_RANGE = filter_("date", "between", start=WHOLE, end=WHOLE, unit=UNIT)
ANNIVERSARY = filter_("date", "anniversary-last", "anniversary-next", unit=UNIT, quantity=WHOLE)
ALL_TIME = filter_("date", "alltime")
FLOW_START = filter_("date", "flow-start")

COUNTED_PROPERTY = record(
    "property",
    property=TEXT,
    filter=or_null(either(
        STRING, STRING_IN, EXISTENCE, LIST_SET, LIST_LENGTH, LIST_SUBSTRING, BOOLEAN, NUMERIC,
    )),
)  # fmt: skip
PROFILE_METRIC = record(
    "type metric_id measurement measurement_filter timeframe_filter",
    type=one_of("profile-metric"),
    metric_id=TEXT,
    measurement=one_of("count", "sum"),
    measurement_filter=NUMERIC,
    timeframe_filter=either(
        STATIC, STATIC_RANGE, RELATIVE, ANNIVERSARY, RELATIVE_RANGE, ALL_TIME, FLOW_START
    ),
    metric_filters=or_null(many(COUNTED_PROPERTY)),
)
NOT_IN_FLOW = record(
    "type timeframe_filter", type=one_of("profile-not-in-flow"), timeframe_filter=ALL_TIME
)
METRIC_PROPERTY = record(
    "type metric_id field filter",
    type=one_of("metric-property"),
    metric_id=TEXT,
    field=TEXT,
    filter=either(
        STRING, STRING_IN, NUMERIC, NUMERIC_RANGE, BOOLEAN, STATIC, STATIC_RANGE, RELATIVE,
        ANNIVERSARY, RELATIVE_RANGE, LIST_CONTAINS, LIST_LENGTH, EXISTENCE,
    ),
)  # fmt: skip

EMAIL = record(
    **dict.fromkeys((
        "id", "name", "from_email", "from_label", "reply_to_email", "cc_email", "bcc_email",
        "subject_line", "preview_text", "template_id",
    ), or_null(TEXT)),
    **dict.fromkeys(("smart_sending_enabled", "transactional", "add_tracking_params"), YES_NO),
    custom_tracking_params=or_null(many(record("param value", param=TEXT, value=TEXT))),
    additional_filters=or_null(filters(PROFILE_METRIC)),
)  # fmt: skip
WEEKDAY = one_of("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DELAY = record(
    "value",
    unit=one_of("days", "hours", "minutes"),
    value=WHOLE,
    secondary_value=or_null(WHOLE),
    timezone=one_of("profile", "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York"),
    delay_until_time=or_null({"type": "string", "format": "time"}),
    delay_until_weekdays=or_null(many(WEEKDAY)),
)
NAMES = {
    "id": or_null(TEXT),
    "temporary_id": or_null(TEXT),
    "links": or_null(record(next=or_null(TEXT))),
}
SEND_EMAIL = record(
    "type",
    **NAMES,
    type=one_of("send-email"),
    data=or_null(
        record(message=or_null(EMAIL), status=one_of("disabled", "draft", "live", "manual"))
    ),
)
TIME_DELAY = record("type data", **NAMES, type=one_of("time-delay"), data=DELAY)

FLOW = record(
    "triggers actions entry_action_id",
    triggers=many(either(
        record("type", type=one_of("list", "segment"), id=or_null(TEXT)),
        record("type", type=one_of("metric"), id=or_null(TEXT),
               trigger_filter=or_null(filters(METRIC_PROPERTY))),
    )),
    profile_filter=or_null(filters(PROFILE_METRIC, NOT_IN_FLOW)),
    actions=many(either(SEND_EMAIL, TIME_DELAY)),
    entry_action_id=or_null(TEXT),
    reentry_criteria=or_null(
        record("duration unit", duration=WHOLE, unit=one_of("day", "hour", "week", "alltime"))
    ),
)  # fmt: skip


@cache
def klaviyo(name: str) -> Draft202012Validator:
    """One of the schemas of Klaviyo's OpenAPI, as JSON Schema."""
    document = json.loads(Path(OPENAPI).read_text(encoding="utf-8"))
    components = _without_slips(document["components"])
    return Draft202012Validator({"components": components, "$ref": f"#/components/schemas/{name}"})


def _without_slips(part: Any) -> Any:
    """Klaviyo's schemas with two slips mended.

    `nullable` is a word of OpenAPI 3.0 which JSON Schema has not, and "oneOf an integer and a
    number" lets no whole number pass, since it is both.
    """
    if isinstance(part, list):
        return [_without_slips(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _without_slips(each) for name, each in part.items() if name != "nullable"}
    if made.get("oneOf") == [{"type": "integer"}, {"type": "number"}]:
        made = {name: each for name, each in made.items() if name != "oneOf"} | NUMBER
    return or_null(made) if part.get("nullable") is True else made


@cache
def ours() -> Draft202012Validator:
    """`FLOW`, which is itself checked to be a JSON Schema."""
    Draft202012Validator.check_schema(FLOW)
    return Draft202012Validator(FLOW)


def flaws(definition: Any, *, of: str = "ours") -> list[str]:
    """What a schema finds wrong in a flow's definition: where, and what."""
    oracle = ours() if of == "ours" else klaviyo("FlowDefinition")
    return [f"{error.json_path}: {error.message}" for error in oracle.iter_errors(definition)]
