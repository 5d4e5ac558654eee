"""Fixtures for tests of faults: each encrypts with the tests' own key, after any other test."""

import os

import pytest

from storage.engine import encryption


@pytest.fixture(autouse=True)
def own_keys(keys: None) -> None:
    """The tests' key again: to look into another installation's data is to take its keys."""
    encryption.set_keys({"1": os.environ["REGULARS_SECRET_KEY"]})
