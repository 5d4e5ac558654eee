"""A flow's conditions in words: a merchant reads who enters it and who gets its messages."""

from typing import Any

import pytest

from admin_ui.flows import conditions, tree
from admin_ui.kit.language import Language
from storage.flows import ActionStatus

ENGLISH, CHINESE = Language("en", "America/New_York"), Language("zh_Hans", "America/New_York")


def placed(measurement: str, number: dict[str, Any], when: dict[str, Any], **more: Any) -> Any:
    return {
        "type": "profile-metric", "metric_id": "Placed Order", "measurement": measurement,
        "measurement_filter": {"type": "numeric", **number},
        "timeframe_filter": {"type": "date", **when}, **more,
    }  # fmt: skip


def words(*conditions_: Any, say: Language = ENGLISH) -> str:
    """A filter of one group, in words."""
    given = {"condition_groups": [{"conditions": list(conditions_)}]}
    (sentence,) = conditions.of_filter(given, say)
    return sentence


NONE = {"operator": "equals", "value": 0}
SOME = {"operator": "greater-than", "value": 100}
EVER = {"operator": "alltime"}


@pytest.mark.parametrize(
    ("condition", "english", "chinese"),
    [
        (placed("count", NONE, {"operator": "flow-start"}),
         "Exits the flow when: Placed order", "发生以下行为时退出流程：下单"),
        (placed("sum", SOME, EVER),
         "Only if: Placed order for a total of more than 100 at any time",
         "仅当：任何时间“下单”总金额大于 100"),
        (placed("count", NONE, {"operator": "in-the-last", "quantity": 2, "unit": "week"}),
         "Only if: Placed order exactly 0 times in the last 2 weeks",
         "仅当：过去 2 周内“下单”次数正好 0"),
        (placed("count", SOME, {"operator": "between", "start": 1, "end": 60, "unit": "day"}),
         "Only if: Placed order more than 100 times 1 day to 60 days ago",
         "仅当：1 天 到 60 天前“下单”次数大于 100"),
        (placed("count", SOME, {"operator": "before", "date": "2026-01-01T05:00:00+00:00"}),
         "Only if: Placed order more than 100 times before Jan 1, 2026, 12:00\u202fAM",
         "仅当：2026年1月1日 00:00 之前“下单”次数大于 100"),
        (placed("count", SOME, EVER, metric_filters=[
            {"property": "source",
             "filter": {"type": "string", "operator": "equals", "value": "pos"}},
            {"property": "tags", "filter": {"type": "list", "operator": "contains-any",
                                            "value": ["a", "b"]}},
         ]),
         "Only if: Placed order more than 100 times at any time "
         "(where source is “pos” and tags includes any of: a and b)",
         "仅当：任何时间“下单”次数大于 100（其中 source为“pos”和tags含有以下任意一个：a和b）"),
        ({"type": "metric-property", "metric_id": "Placed Order", "field": "$value",
          "filter": {"type": "numeric", "operator": "between", "start": 5, "end": 10}},
         "Only if: Event value is 5 to 10", "仅当：事件金额介于 5 到 10"),
    ],
)  # fmt: skip
def test_a_condition_reads_as_it_is_meant(condition: Any, english: str, chinese: str) -> None:
    assert words(condition) == english
    assert words(condition, say=CHINESE) == chinese


def test_of_a_group_one_condition_is_enough() -> None:
    often = placed("count", {"operator": "greater-than", "value": 2}, EVER)

    assert words(placed("sum", SOME, EVER), often) == (
        "Only if: Placed order for a total of more than 100 at any time, "
        "or Placed order more than 2 times at any time"
    )


def test_who_may_enter_again_is_said() -> None:
    def of(criteria: Any) -> list[str]:
        return conditions.of_flow({"reentry_criteria": criteria}, ENGLISH)

    assert of({"unit": "alltime", "duration": 1}) == ["Each customer can enter once."]
    assert of({"unit": "day", "duration": 7}) == ["Each customer can enter again after 7 days."]
    assert of({"unit": "alltime", "duration": 0}) == of(None) == []


def test_a_message_says_who_does_not_get_it() -> None:
    message = {"template_id": "1", "additional_filters": {
        "condition_groups": [{"conditions": [placed("sum", SOME, EVER)]}]}}  # fmt: skip
    definition = {
        "entry_action_id": "1",
        "actions": [{"id": "1", "type": "send-email", "data": {"message": message}}],
    }

    (step,) = tree.steps(definition, tree.Counted({}, {}, {}, {}, {}), ENGLISH)

    assert step.status == ActionStatus.DRAFT
    assert step.notes == [
        "Only if: Placed order for a total of more than 100 at any time",
        "Skipped if another message was sent in the last 16 hours.",
    ]


@pytest.mark.parametrize(
    ("said", "notes"),
    [
        ({"transactional": True, "regulars-smart-sending-in-flow": True}, []),
        ({"smart_sending_enabled": False}, []),
        ({"smart_sending_enabled": False, "regulars-smart-sending-in-flow": True},
         ["Skipped if this flow sent a message in the last 16 hours."]),
    ],
)  # fmt: skip
def test_a_message_that_waits_for_no_other_says_nothing_of_it(said: Any, notes: list[str]) -> None:
    message = {"template_id": "1", **said}
    definition = {
        "entry_action_id": "1",
        "actions": [{"id": "1", "type": "send-email", "data": {"message": message}}],
    }

    (step,) = tree.steps(definition, tree.Counted({}, {}, {}, {}, {}), ENGLISH)

    assert step.notes == notes
