"""What tests of faults share: each seals with the tests' own key, whatever ran before it."""

import os

import pytest

from storage.engine import encryption


@pytest.fixture(autouse=True)
def own_keys(keys: None) -> None:
    """The tests' key again: to look into another installation's data is to take its keys."""
    encryption.set_keys({"1": os.environ["REGULARS_SECRET_KEY"]})
