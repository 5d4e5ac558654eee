"""The library's flow of two reminders, with made-up templates."""

from typing import Any

from plugin.flows.library import FLOWS


def abandoned_checkout() -> dict[str, Any]:
    """Its definition, as a shop runs it."""
    templates = {"checkout_reminder_1": 1, "checkout_reminder_2": 2}
    return FLOWS["abandoned_checkout"].definition_with(list_id=0, templates=templates)
