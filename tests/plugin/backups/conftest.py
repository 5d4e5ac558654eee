"""Fixtures for tests of backups."""

from tests.plugin.backups.places import elsewhere, empty_postgres, moved

__all__ = ["elsewhere", "empty_postgres", "moved"]
