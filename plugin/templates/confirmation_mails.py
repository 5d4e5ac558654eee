"""The mails that ask: is this address yours, and do you want what was asked in its name?"""

from typing import Any

from storage.confirmations import CONFIRM, COPY, FORGET

ONCE = "The button works once, for seven days. If it was not you who asked, do nothing."


def mails() -> dict[str, dict[str, Any]]:
    """Each kind of ask with its mail, as `plugin.templates.compile.publish` takes it."""
    return {
        CONFIRM: _mail(
            "Please confirm your email address",
            "One click, and you are on the list.",
            "One more step",
            "Somebody, hopefully you, signed up at {{ shop.name }} with this address. Please"
            " confirm that you would like our emails. Until then we send you nothing else.",
            "Confirm my address",
            "The button works once, for seven days. If it was not you, do nothing: you will not"
            " hear from us.",
        ),
        COPY: _mail(
            "A copy of your data",
            "It is ready for you to download.",
            "The copy of your data is ready",
            "You asked {{ shop.name }} for a copy of what is kept about you. It is a file in JSON,"
            " which any text editor opens.",
            "Go to the download",
            ONCE,
        ),
        FORGET: _mail(
            "Shall we forget you?",
            "One click, and everything about you is erased.",
            "Shall we forget you?",
            "You asked {{ shop.name }} to forget you. Then your profile, what you looked at and"
            " what we wrote to you are erased for good. What the law asks the shop to keep of an"
            " order stays, without your name.",
            "Continue",
            ONCE,
        ),
    }


def _mail(
    subject: str, preview: str, title: str, text: str, button: str, small: str
) -> dict[str, Any]:
    return {
        "subject": subject,
        "preview": preview,
        "blocks": [
            {"type": "header"},
            {"type": "text", "style": "heading", "align": "center", "text": title},
            {"type": "text", "align": "center", "text": text},
            {"type": "button", "text": button, "url": "{{ ask_url }}"},
            {"type": "text", "style": "small", "align": "center", "text": small},
            {"type": "footer"},
        ],
    }
