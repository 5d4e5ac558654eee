"""Definitions of flows: what Klaviyo's schema allows is kept as it is, or refused by a field."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from plugin.errors import RegularsError
from plugin.flows.definition import parse_definition
from plugin.flows.library import add_flow
from storage import flows
from storage.engine.ids import new_id
from storage.shops import Shop
from tests.conformance import klaviyo_schema as klaviyo
from tests.conformance.klaviyo_schema import OPENAPI, flaws
from tests.conformance.test_klaviyo_shapes import full_flow
from tests.conftest import NOW
from tests.properties.conftest import Example
from tests.properties.examples import thousand
from tests.properties.schemas import Values, values_of

Way = tuple[str | int, ...]
CONDITION: Way = ("profile_filter", "condition_groups", 0, "conditions", 0)
TRIGGER_CONDITION: Way = ("triggers", 0, "trigger_filter", "condition_groups", 0, "conditions", 0)
MESSAGE: Way = ("actions", 1, "data", "message")
WHOLE = klaviyo.FLOW["properties"]
# The parts of a definition, each with what may stand there.
PARTS: dict[Way, Any] = {
    ("triggers",): WHOLE["triggers"],
    TRIGGER_CONDITION: klaviyo.METRIC_PROPERTY,
    (*TRIGGER_CONDITION, "filter"): klaviyo.METRIC_PROPERTY["properties"]["filter"],
    ("profile_filter",): WHOLE["profile_filter"],
    CONDITION: klaviyo.PROFILE_METRIC,
    (*CONDITION, "measurement_filter"): klaviyo.NUMERIC,
    (*CONDITION, "timeframe_filter"): klaviyo.PROFILE_METRIC["properties"]["timeframe_filter"],
    (*CONDITION, "metric_filters"): klaviyo.PROFILE_METRIC["properties"]["metric_filters"],
    ("actions",): WHOLE["actions"],
    ("actions", 0): klaviyo.TIME_DELAY,
    ("actions", 0, "data"): klaviyo.DELAY,
    ("actions", 1): klaviyo.SEND_EMAIL,
    MESSAGE: klaviyo.EMAIL,
    **{(*MESSAGE, name): each for name, each in klaviyo.EMAIL["properties"].items()},
    ("actions", 1, "data", "status"): klaviyo.one_of("draft", "live", "manual", "disabled"),
    ("entry_action_id",): WHOLE["entry_action_id"],
    ("reentry_criteria",): WHOLE["reentry_criteria"],
}


def put(definition: Any, way: Way, value: Any) -> None:
    """Let a value stand at a place, if there is one."""
    *above, last = way
    for step in above:
        try:
            definition = definition[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(definition, dict) or (isinstance(definition, list) and isinstance(last, int)):
        definition[last] = value


def with_parts(parts: list[tuple[Way, Any]]) -> Any:
    """A definition with other parts."""
    found = full_flow()
    for way, value in sorted(parts, key=lambda part: -len(part[0])):
        put(found, way, value)
    return found


other_part: Values = st.sampled_from(sorted(PARTS, key=str)).flatmap(
    lambda way: st.tuples(st.just(way), values_of(PARTS[way]))
)
allowed: Values = st.one_of(
    st.lists(other_part, min_size=1, max_size=2).map(with_parts), values_of(klaviyo.FLOW)
)


def ways_in(part: Any, way: Way = ()) -> list[Way]:
    """The way to every part of a document."""
    found = [way] if way else []
    if isinstance(part, dict | list):
        steps = part.items() if isinstance(part, dict) else enumerate(part)
        found += [each for step, inner in steps for each in ways_in(inner, (*way, step))]
    return found


WORDS = sorted(set(re.findall(r'"([a-z-]+)"', json.dumps(klaviyo.FLOW))))
anything: Values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(-3, 3),
        st.text(max_size=5),
        st.sampled_from(WORDS),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
places: Values = st.sampled_from([(), *ways_in(full_flow())])
slips: Values = st.one_of(  # another value, or another field beside those that there are
    st.tuples(places.filter(len), anything),
    st.tuples(
        places.flatmap(lambda way: st.sampled_from([(*way, word) for word in WORDS])), anything
    ),
)


def names_a_field(sentence: str, definition: Any) -> bool:
    """Whether an error names a field that there is, or says of one that it is missing."""
    path = re.match(r"(\w+(\[\d+\])?)(\.\w+(\[\d+\])?)*", sentence)
    assert path is not None, sentence
    steps = re.findall(r"\w+", path[0])
    at, is_missing = definition, "is missing" in sentence
    for place, step in enumerate(steps):
        if is_missing and place == len(steps) - 1:
            return isinstance(at, dict) and at.get(step) is None
        at = at[int(step)] if isinstance(at, list) else at[step]
    return True


@pytest.fixture
def add(example: Example) -> Callable[[Any], Any]:
    """Save a definition in a shop that has nothing else, and read it back."""

    def save(definition: Any) -> Any:
        shop_id = new_id()
        with example() as session:
            shop = Shop(id=shop_id, domain=f"shop{shop_id}.myshopify.com", installed_at=NOW)
            session.add(shop)
            flow_id = add_flow(session, shop_id, "Flow", definition)
            session.expire_all()
            found = flows.get_flow_version(session, shop_id, flow_id, 1)
            assert found is not None
            return found.definition

    return save


@thousand
@given(definition=allowed)
def test_what_the_schema_allows_is_kept_as_it_is_or_refused_by_a_field(
    add: Callable[[Any], Any], definition: Any
) -> None:
    given_ = copy.deepcopy(definition)
    assert flaws(definition) == []
    if OPENAPI:
        assert flaws(definition, of="klaviyo") == []

    kept = refusal = None
    try:
        kept = add(definition)
    except RegularsError as error:
        refusal = error.message

    event("kept" if refusal is None else "refused")
    if refusal is not None:
        assert names_a_field(refusal, definition), refusal
        return
    assert kept == given_
    assert parse_definition(kept) == parse_definition(json.loads(json.dumps(given_)))


@thousand
@given(slip=slips)
def test_what_we_keep_is_what_the_schema_allows(slip: tuple[Way, Any]) -> None:
    definition = full_flow()
    put(definition, *slip)

    try:
        parse_definition(definition)
    except RegularsError:
        event("refused")
        return

    event("kept")
    assert flaws(definition) == []
    if OPENAPI:
        assert flaws(definition, of="klaviyo") == []
