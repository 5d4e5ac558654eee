"""A kind of step is a file and a line of the table: these stand in a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest
from sqlmodel import select

from plugin import clock
from plugin.errors import RegularsError
from plugin.flows import library
from plugin.flows.advance import advance_enrolments
from plugin.flows.definition import parse_definition
from plugin.flows.fields import FieldReader
from plugin.flows.steps import STEPS
from plugin.flows.steps.base import Follow, Next, StepBatch
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState, StepLog
from storage.shops import Shop
from tests.plugin.flows.ready import abandoned_checkout
from tests.plugin.flows.test_flow import enrolments, tell


@dataclass(frozen=True)
class Split:
    """Follow one of two links."""

    LINKS: ClassVar[Sequence[str]] = ("next_if_true", "next_if_false")

    answer: bool

    @classmethod
    def parse(cls, reader: FieldReader, kind: str, data: dict[str, Any] | None) -> Self:
        """Read the answer."""
        assert data is not None
        return cls(data["answer"])

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Follow the link of the answer."""
        return Follow("next_if_true" if self.answer else "next_if_false")


def split(no: str | None, *, yes: str | None = "2") -> dict[str, Any]:
    """A flow that splits first; `1` is the split, `2` and `3` wait for a day and two."""
    wait = {"type": "time-delay", "links": {"next": None}}
    links = {"next_if_true": yes, "next_if_false": no}
    return abandoned_checkout() | {
        "entry_action_id": "1",
        "actions": [
            {"id": "1", "type": "split", "links": links, "data": {"answer": False}},
            wait | {"id": "2", "data": {"unit": "days", "value": 1}},
            wait | {"id": "3", "data": {"unit": "days", "value": 2}, "links": {"next": "2"}},
        ],
    }


@pytest.fixture(autouse=True)
def split_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of the table."""
    monkeypatch.setitem(STEPS, "split", Split)


def start(shop: Shop, definition: dict[str, Any]) -> Enrolment:
    """A shopper who has entered the flow and taken its first steps."""
    with db.transaction() as session:
        flow_id = library.add_flow(session, shop.id, "Split", definition)
    library.set_status(shop.id, flow_id, True)
    tell(shop, "Checkout Started", "c1", clock.now())
    advance_enrolments(shop.id, [found.id for found in enrolments(shop)])
    (found,) = enrolments(shop)
    return found


def test_a_step_says_which_of_its_links_a_shopper_follows(shop):
    found = start(shop, split(no="3"))

    assert (found.state, found.action_id) == (EnrolmentState.WAITING, "3")
    logged = select(StepLog.action_id).where(StepLog.shop_id == shop.id)
    with db.reading() as session:
        assert session.exec(logged).all() == ["3"]


def test_a_link_that_leads_nowhere_finishes_the_flow(shop):
    found = start(shop, split(no=None))

    assert found.state == EnrolmentState.FINISHED


def test_the_page_of_a_flow_shows_each_branch_and_where_they_meet_once(merchant, shop):
    flow_id = start(shop, split(no="3")).flow_id

    page = merchant.open(f"/flows/{flow_id}").text

    assert page.index("If yes") < page.index("Wait 1 day") < page.index("If no")
    assert page.index("If no") < page.index("Wait 2 days")
    assert page.count("Wait 1 day<") == 1


def test_a_condition_of_another_kind_is_refused():
    unknown = {"condition_groups": [{"conditions": [{"type": "profile-has-cat"}]}]}

    with pytest.raises(
        RegularsError, match=r"conditions\[0\].type profile-has-cat isn't supported yet"
    ):
        parse_definition(abandoned_checkout() | {"profile_filter": unknown})


def test_ways_may_meet_again():
    assert set(parse_definition(split(no="3", yes="2")).actions) == {"1", "2", "3"}


def test_a_circle_is_found_on_every_way():
    definition = split(no="3")
    definition["actions"][1]["links"]["next"] = "3"

    with pytest.raises(RegularsError, match="never end"):
        parse_definition(definition)


def test_every_link_leads_to_a_step():
    with pytest.raises(RegularsError, match=r"actions\[0\].links.next_if_false leads to 9"):
        parse_definition(split(no="9"))


def test_a_message_without_a_template_is_refused():
    definition = abandoned_checkout()
    del definition["actions"][1]["data"]["message"]["template_id"]

    with pytest.raises(RegularsError, match=r"actions\[1\].data.message.template_id is missing"):
        parse_definition(definition)


def test_minutes_have_no_second_value():
    definition = abandoned_checkout()
    definition["actions"][0]["data"] = {"unit": "minutes", "value": 5, "secondary_value": 1}

    with pytest.raises(
        RegularsError, match=r"actions\[0\].data.secondary_value isn't supported with minutes"
    ):
        parse_definition(definition)
