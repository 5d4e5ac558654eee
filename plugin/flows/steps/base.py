"""What a step is: read once from its action, run for each shopper who comes to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, Self

from sqlmodel import Session

from plugin.flows.fields import FieldReader
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.flows import Enrolment, StepLogRow, StepOutcome
from storage.messages import MessageRow
from storage.shops import Shop


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay at this step until then; afterwards its link `next` is followed."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Follow:
    """Go on at once, where this link of the action leads."""

    link: str = "next"


Next = Wait | Follow


class StepBatch:
    """What a batch of steps comes to: rows of `message` and `step_log`, written at its end."""

    def __init__(self, session: Session, shop: Shop, now: datetime, lease_until: float) -> None:
        self.session = session
        self.shop_id = shop.id
        self.restored_at = shop.restored_at
        self.now = now
        # jobs are enqueued at once; until then the clock leaves these rows alone
        self.lease_until = lease_until
        self.messages: list[MessageRow] = []
        self.steps: list[StepLogRow] = []

    def was_sent(self, enrolment: Enrolment) -> bool:
        """Whether a step was due before the database was restored: it counts as done by the copy
        that was lost.
        """
        return self.restored_at is not None and enrolment.due_at <= self.restored_at

    def log_step(self, enrolment: Enrolment, action_id: str, outcome: StepOutcome) -> None:
        """Log what happened at an action."""
        self.steps.append(
            {
                "shop_id": self.shop_id,
                "id": new_id(),
                "flow_id": enrolment.flow_id,
                "enrolment_id": enrolment.id,
                "action_id": action_id,
                "outcome": outcome,
                "happened_at": self.now,
            }
        )


class Step(Protocol):
    """One kind of step. `LINKS` are the names of the links that it follows."""

    LINKS: ClassVar[Sequence[str]]

    @classmethod
    def parse(cls, reader: FieldReader, kind: str, data: JsonObject | None) -> Self:
        """Read it from the data of its action; a RegularsError names the field that is wrong."""

    def run(
        self, batch: StepBatch, enrolment: Enrolment, *, action_id: str, is_entry: bool
    ) -> Next:
        """Do it for one shopper, and say how they go on. `is_entry`: the flow begins here."""
