"""Decide whether a shopper meets a filter: a flow's own, one inside a step, or a trigger's.

Groups are joined by AND, the conditions inside one by OR, as Klaviyo reads them.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field
from sqlmodel import Session

from plugin.flows.fields import MetricName, Shape, Text
from plugin.flows.property_filters import (
    CountedPropertyFilter,
    NumberFilter,
    PropertyFilter,
    TriggerPropertyFilter,
    to_capitals,
)
from plugin.flows.timeframes import AnyTimeframe
from plugin.templates.product_details import categories_of
from plugin.values import currency_decimals
from storage import events, shops
from storage.events import Event

MAX_CONDITIONS = 50  # of a group, and groups of a filter
VALUE = "$value"  # what Klaviyo calls an event's amount among its properties
CATEGORIES = "categories"
CODES = "discount_codes"  # the storefront takes a code in any case


def _check_property(name: str) -> str:
    if name.startswith("$") and name != VALUE:
        raise ValueError(f"{name} isn't supported yet. Of Klaviyo's own properties {VALUE} is")
    return name


PropertyName = Annotated[Text, AfterValidator(_check_property)]


class CountedProperty(Shape):
    """What a property of an event has to be for the event to count."""

    property: PropertyName
    filter: CountedPropertyFilter


class ProfileMetricCondition(Shape):
    """Compares how often a shopper did something, or what it came to, with a number."""

    type: Literal["profile-metric"]
    metric_id: MetricName
    measurement: Literal["count", "sum"]
    measurement_filter: NumberFilter
    timeframe_filter: AnyTimeframe
    metric_filters: Annotated[list[CountedProperty], Field(max_length=MAX_CONDITIONS)] | None = None


class ProfileConditionGroup(Shape):
    """Conditions of which one has to hold."""

    conditions: Annotated[
        list[ProfileMetricCondition], Field(min_length=1, max_length=MAX_CONDITIONS)
    ]


class ProfileFilter(Shape):
    """Groups of conditions, each of which has to hold."""

    condition_groups: Annotated[list[ProfileConditionGroup], Field(max_length=MAX_CONDITIONS)]

    @property
    def metrics(self) -> set[str]:
        """The metrics that it depends on."""
        return {each.metric_id for group in self.condition_groups for each in group.conditions}


class MetricPropertyCondition(Shape):
    """Looks at a property of the event that starts a flow."""

    type: Literal["metric-property"]
    metric_id: MetricName
    field: PropertyName
    filter: TriggerPropertyFilter


class TriggerConditionGroup(Shape):
    """Conditions of which one has to hold."""

    conditions: Annotated[
        list[MetricPropertyCondition], Field(min_length=1, max_length=MAX_CONDITIONS)
    ]


class TriggerFilter(Shape):
    """Groups of conditions, each of which has to hold for the event that starts a flow."""

    condition_groups: Annotated[list[TriggerConditionGroup], Field(max_length=MAX_CONDITIONS)]

    def matches(self, session: Session, event: Event) -> bool:
        """Whether this event starts the flow."""
        return all(
            any(
                _holds(each.filter, property_of(session, event, each.field), each.field)
                for each in group.conditions
            )
            for group in self.condition_groups
        )


class Who(NamedTuple):
    """The shopper that a filter is asked about; `started_at` is what set the flow off."""

    shop_id: int
    profile_id: int
    started_at: datetime


def matches_filter(session: Session, wanted: ProfileFilter | None, who: Who, now: datetime) -> bool:
    """Whether a shopper meets a filter; where there is none, each does."""
    return wanted is None or all(
        any(
            condition.measurement_filter.holds(_measure(session, condition, who, now))
            for condition in group.conditions
        )
        for group in wanted.condition_groups
    )


def to_amount(session: Session, shop_id: int, value: int | None, currency: str | None) -> Decimal:
    """Return an event's value in whole units, as definitions write it; none is 0."""
    if currency is None:
        shop = shops.get_shop(session, shop_id)
        currency = shop.currency if shop else ""
    return Decimal(value or 0).scaleb(-currency_decimals(currency))


def _measure(
    session: Session, condition: ProfileMetricCondition, who: Who, now: datetime
) -> Decimal | int:
    span = condition.timeframe_filter.window(who.started_at, now)
    did = (session, who.shop_id, who.profile_id, condition.metric_id)
    counts = condition.measurement == "count"
    if not condition.metric_filters:
        if counts:
            return events.count_between(*did, span=span)
        sums = events.sum_values(*did, span=span).items()
        return sum((to_amount(*did[:2], total, currency) for currency, total in sums), Decimal())
    found = [
        to_amount(*did[:2], event.value, event.currency)
        for event in events.events_between(*did, span=span)
        if all(
            _holds(each.filter, property_of(session, event, each.property), each.property)
            for each in condition.metric_filters
        )
    ]
    return len(found) if counts else sum(found, Decimal())


def property_of(session: Session, event: Event, name: str) -> object:
    """Return what a filter compares of an event: a property, or its value in whole units."""
    if name == CATEGORIES:
        return categories_of(session, event.shop_id, event.properties)
    if name != VALUE:
        return event.properties.get(name)
    if event.value is None:
        return None
    return to_amount(session, event.shop_id, event.value, event.currency)


def _holds(wanted: PropertyFilter, value: object, name: str) -> bool:
    """Whether a property is what a filter asks for; of discount codes the case does not matter."""
    if name != CODES:
        return wanted.holds(value)
    return wanted.in_capitals().holds(to_capitals(value))
