"""A two-step form with a success step, in Klaviyo's form version shape."""

from copy import deepcopy
from typing import Any


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "properties": {"text": words}}


def button(label: str, kind: str, *, submit: bool = False) -> dict[str, Any]:
    action = {"type": kind, "submit": submit}
    return {"type": "button", "properties": {"label": label}, "action": action}


def step(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"columns": [{"rows": [{"blocks": [block]} for block in blocks]}]}


NEED = {
    "type": "radio_buttons",
    "properties": {
        "property_name": "skin_need",
        "label": "Your skin, most days",
        "show_label": False,
        "required": True,
        "options": [
            {"label": "Dry and tight", "value": "dry"},
            {"label": "Shiny by noon", "value": "oily"},
            {"label": "Easily red", "value": "sensitive"},
            {"label": "First lines", "value": "mature"},
        ],
        "error_messages": {"required": "Choose the one that is closest"},
    },
}
EMAIL = {
    "type": "email",
    "properties": {
        "label": "Email",
        "placeholder": "you@example.com",
        "required": True,
        "error_messages": {
            "required": "We need an address to write to",
            "invalid": "That address looks unfinished",
        },
    },
}
PHONE = {
    "type": "phone_number",
    "properties": {"label": "Mobile number (optional)", "placeholder": "+44 7700 900123"},
}
SMS = {
    "type": "promotional_sms_checkbox",
    "properties": {
        "property_name": "opt_in_promotional_sms",
        "checkbox_text": "Text me offers and news too. Up to 4 a month, reply STOP to end.",
    },
}
DISCLOSURE = {
    "type": "sms_disclosure",
    "properties": {
        "content": {
            "type": "custom",
            "html": "By signing up you agree to marketing email from Ondine. Leave with one click, "
            'any time. See our <a href="/policies/privacy-policy">privacy policy</a>.'
            "<script>document.title = 'broken'</script>",
        }
    },
}


def welcome() -> dict[str, Any]:
    """A fresh copy for a test to change."""
    form = {
        "id": "123",
        "version": 1,
        "type": "popup",
        "properties": {"accessible_name": "Find your routine", "show_close_button": True},
        "styles": {},
        "steps": [
            step(
                text("What does your skin ask for?"),
                text("One answer, and we suggest three products instead of three hundred."),
                NEED,
                button("Continue", "next_step"),
                button("Not today", "close"),
            ),
            step(
                text("Where shall we send your routine?"),
                text("With it comes 10 % off your first order."),
                EMAIL,
                PHONE,
                SMS,
                DISCLOSURE,
                button("Send my routine", "next_step", submit=True),
            ),
        ],
        "success": step(
            text("It is on its way"),
            text("Your routine reaches your inbox in a minute or two. This code is yours already:"),
            {"type": "coupon", "properties": {"coupon": {"type": "static", "text": "GENTLE10"}}},
            button("Back to the shop", "close"),
        ),
    }
    return deepcopy(form)
