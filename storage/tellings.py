"""Events that are told several times, and are what their earliest telling says."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select as columns
from sqlalchemy import update
from sqlmodel import Session, col

from storage.engine import bulk
from storage.engine.types import JsonObject
from storage.events import (
    Event,
    EventDescription,
    describe_events,
    descriptions,
    recount_activity,
)

PIECE_SIZE = 500  # descriptions that are read at once


class Telling(NamedTuple):
    """What one report says of an event that is told several times."""

    occurred_at: datetime
    value: int | None
    currency: str | None
    properties: JsonObject

    def weight(self) -> tuple[datetime, str]:
        """Return what orders tellings: the earliest first, and those of one moment somehow."""
        about = json.dumps([self.value, self.currency, self.properties], sort_keys=True)
        return self.occurred_at, about


def date_back(session: Session, shop_id: int, metric: str, told: Mapping[str, Telling]) -> None:
    """Let known events be what their earliest telling says, by unique id, where that is before what
    we have; of one moment, in any order of arrival, the same telling counts.
    """
    at = (col(Event.id), col(Event.unique_id), col(Event.occurred_at), col(Event.profile_id))
    known = list(
        session.connection().execute(
            columns(*at).where(
                col(Event.shop_id) == shop_id,
                col(Event.metric) == metric,
                bulk.is_among(col(Event.unique_id), told.keys()),
            )
        )
    )
    late = [row for row in known if told[row.unique_id].occurred_at < row.occurred_at]
    same = [row.unique_id for row in known if told[row.unique_id].occurred_at == row.occurred_at]
    for row in late:
        session.connection().execute(
            update(Event)
            .where(col(Event.shop_id) == shop_id, col(Event.id) == row.id)
            .values(occurred_at=told[row.unique_id].occurred_at)
        )
    if late:
        recount_activity(session, shop_id, {row.profile_id for row in late})
    held = {
        key: event
        for start in range(0, len(same), PIECE_SIZE)
        for key, event in descriptions(
            session, shop_id, metric, same[start : start + PIECE_SIZE]
        ).items()
    }
    earlier = {row.unique_id for row in late} | {
        key
        for key, event in held.items()
        if told[key].weight() < Telling(told[key].occurred_at, *_described(event)).weight()
    }
    describe_events(
        session,
        shop_id,
        [
            {
                "metric": metric,
                "unique_id": key,
                "value": told[key].value,
                "currency": told[key].currency,
                "properties": told[key].properties,
            }
            for key in sorted(earlier)
        ],
    )


def _described(event: EventDescription) -> tuple[int | None, str | None, JsonObject]:
    return event["value"], event["currency"], event["properties"]
