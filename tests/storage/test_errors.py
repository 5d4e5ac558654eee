"""Errors of the database are logged, so they must not identify a person."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import SQLAlchemyError

from storage.engine import db
from storage.engine.bulk import add_rows
from storage.profiles import Profile
from storage.shops import Shop


def test_s24_an_error_does_not_hold_the_values_of_its_row(database: str, shop: Shop) -> None:
    now = datetime.now(UTC)
    maya = Profile(
        shop_id=shop.id,
        id=1,
        email="maya@example.com",
        first_name="Maya",
        created_at=now,
        last_active_at=now,
    )
    with pytest.raises(SQLAlchemyError) as raised, db.transaction() as session:
        add_rows(session, Profile, [maya.model_dump()] * 2)

    assert "maya@example.com" not in str(raised.value)
    assert "Maya" not in str(raised.value)
