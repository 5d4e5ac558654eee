"""Fixtures for tests of faults: each encrypts with the tests' own key, after any other test."""

import os
from pathlib import Path

import pytest

from storage.engine import encryption
from tests.faults import town
from tests.plugin.backups.places import elsewhere, empty_postgres, moved

__all__ = ["elsewhere", "empty_postgres", "migrated_once", "moved", "own_keys"]


@pytest.fixture(autouse=True)
def own_keys(keys: None) -> None:
    """The tests' key again: to look into another installation's data is to take its keys."""
    encryption.set_keys({"1": os.environ["REGULARS_SECRET_KEY"]})


@pytest.fixture(scope="session", autouse=True)
def migrated_once(sqlite_template: Path) -> None:
    """Where each town and each served installation takes its tables from."""
    town.tables = sqlite_template
