"""The merchant, who sees in the admin what came in."""

from tests.admin_ui.conftest import client, merchant

__all__ = ["client", "merchant"]
