"""Our definitions are Klaviyo's published JSON: its schema says so, and would say otherwise.

The models of its own SDK take any dictionary for a trigger, an action or a filter: of flows they
prove nothing.
"""

import copy
import json
import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own deprecations
    from openapi_client.models.version import Version

from plugin.errors import RegularsError
from plugin.flows.definition import parse_definition
from plugin.flows.library import FLOWS
from plugin.forms.library import FORMS
from plugin.templates.library import MAILS
from tests.conformance.klaviyo_schema import OPENAPI, flaws, klaviyo
from tests.plugin.flows import test_klaviyo_cases

ORACLES = ["ours", "klaviyo"] if OPENAPI else ["ours"]
CASES = {case["id"]: case["definition"] for case in test_klaviyo_cases.CASES}
# Of a part of a definition, what would be wrong there.
ERRORS: list[tuple[str, Any]] = [
    ("triggers.0.type", "event"),
    ("triggers.0.id", 7),
    ("triggers.0.trigger_filter.condition_groups.0.conditions.0.type", "profile-metric"),
    ("triggers.0.trigger_filter.condition_groups.0.conditions.0.filter.value", "50"),
    ("profile_filter.condition_groups.0.conditions", {}),
    ("profile_filter.condition_groups.0.conditions.0.type", "profile-has-cat"),
    ("profile_filter.condition_groups.0.conditions.0.measurement", "average"),
    ("profile_filter.condition_groups.0.conditions.0.measurement_filter.operator", "at-least"),
    ("profile_filter.condition_groups.0.conditions.0.measurement_filter.value", None),
    ("profile_filter.condition_groups.0.conditions.0.timeframe_filter.operator", "lately"),
    ("profile_filter.condition_groups.0.conditions.0.timeframe_filter.unit", "month"),
    ("profile_filter.condition_groups.0.conditions.0.timeframe_filter.quantity", 2.5),
    ("actions.0.type", "wait"),
    ("actions.0.data.unit", "day"),
    ("actions.0.data.value", "1"),
    ("actions.0.links.next", 2),
    ("actions.1.data.status", "lve"),
    ("actions.1.data.message.template_id", 1),
    ("actions.1.data.message.smart_sending_enabled", "yes"),
    ("actions.1.data.message.additional_filters", []),
    ("entry_action_id", 1),
    ("reentry_criteria.unit", "month"),
    ("reentry_criteria.duration", "1"),
]
# Fields without which a definition is none.
NEEDED = [
    "triggers", "triggers.0.type", "actions", "actions.0.type", "actions.0.data.value",
    "entry_action_id", "reentry_criteria.unit",
    "profile_filter.condition_groups.0.conditions.0.metric_id",
    "profile_filter.condition_groups.0.conditions.0.timeframe_filter.quantity",
]  # fmt: skip


def ready_flow(key: str) -> dict[str, Any]:
    """A ready-made flow as a shop runs it."""
    templates = {name: number for number, name in enumerate(MAILS)}
    return FLOWS[key].definition_with(list_id=1, templates=templates)


def full_flow() -> dict[str, Any]:
    """A definition with every part that an error can be planted in."""
    found = copy.deepcopy(CASES["in-the-last"])
    found["triggers"] = copy.deepcopy(CASES["trigger-filter"]["triggers"])
    message = CASES["additional-filters"]["actions"][1]["data"]["message"]
    found["actions"][1]["data"]["message"] = copy.deepcopy(message)
    found["reentry_criteria"] = {"unit": "day", "duration": 1}
    return found


def at(definition: Any, path: str) -> tuple[Any, Any]:
    """The part that holds a field, and the field's name or number in it."""
    *way, last = (int(step) if step.isdecimal() else step for step in path.split("."))
    for step in way:
        definition = definition[step]
    return definition, last


@pytest.mark.parametrize("of", ORACLES)
@pytest.mark.parametrize("key", FLOWS)
def test_ready_flows_are_klaviyo_flow_definitions(key: str, of: str) -> None:
    assert flaws(ready_flow(key), of=of) == []


@pytest.mark.parametrize("of", ORACLES)
@pytest.mark.parametrize("case", CASES)
def test_the_cases_are_klaviyo_flow_definitions(case: str, of: str) -> None:
    assert flaws(CASES[case], of=of) == []


@pytest.mark.parametrize("of", ORACLES)
@pytest.mark.parametrize(("path", "wrong"), ERRORS)
def test_a_planted_error_is_found_by_the_oracle_and_by_us(path: str, wrong: Any, of: str) -> None:
    definition = full_flow()
    assert flaws(definition, of=of) == []
    parse_definition(definition)
    part, name = at(definition, path)
    part[name] = wrong

    assert flaws(definition, of=of) != []
    with pytest.raises(RegularsError):
        parse_definition(definition)


@pytest.mark.parametrize("of", ORACLES)
@pytest.mark.parametrize("path", NEEDED)
def test_a_part_that_is_left_out_is_missed_by_the_oracle_and_by_us(path: str, of: str) -> None:
    definition = full_flow()
    part, name = at(definition, path)
    del part[name]

    assert flaws(definition, of=of) != []
    with pytest.raises(RegularsError, match=str(name)):
        parse_definition(definition)


@pytest.mark.parametrize("key", FLOWS)
@pytest.mark.parametrize("of", ORACLES)
def test_a_ready_flow_with_a_slip_of_the_pen_is_no_definition(key: str, of: str) -> None:
    definition = json.loads(json.dumps(ready_flow(key)).replace('"live"', '"alive"'))

    assert any("actions" in flaw for flaw in flaws(definition, of=of))


@pytest.mark.parametrize("key", FORMS)
def test_ready_forms_are_klaviyo_form_versions(key: str) -> None:
    read = Version.from_dict(FORMS[key].version())

    assert read is not None
    assert len(read.steps) == 3


# Klaviyo's own file may not be copied; the subset in our words is asked always, above.
@pytest.mark.skipif(not OPENAPI, reason="KLAVIYO_OPENAPI names no file")
@pytest.mark.parametrize("key", FORMS)
def test_ready_forms_are_what_klaviyos_schema_asks_for(key: str) -> None:
    form = FORMS[key].version()
    assert list(klaviyo("Version").iter_errors(form)) == []

    form["status"] = "alive"

    assert list(klaviyo("Version").iter_errors(form)) != []
