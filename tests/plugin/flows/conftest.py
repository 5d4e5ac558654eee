"""Fixtures of the admin: what a flow does must be seen there."""

from tests.admin_ui.conftest import client, merchant

__all__ = ["client", "merchant"]
