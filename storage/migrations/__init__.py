"""Alembic migrations, run by `storage.schema`. Two lines of history: `main` and `inbox`."""
