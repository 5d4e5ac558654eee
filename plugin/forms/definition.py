"""A form's definition (Klaviyo's published form-version JSON). In: the JSON. Out: what it asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SMS_CHECKBOX = "promotional_sms_checkbox"
EMAIL_WORDS = "email_consent"  # the id of the block that says what an email address allows


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a list of answers, kept under `name` on the profile."""

    name: str
    answers: frozenset[str]
    required: bool


def blocks(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every block of every step, in the order that a shopper meets them."""
    for step in definition.get("steps", []):
        for column in step.get("columns", []):
            for row in column.get("rows", []):
                yield from row.get("blocks", [])


def questions(definition: dict[str, Any]) -> list[Question]:
    """What a form asks."""
    return [
        Question(
            name=block["properties"]["property_name"],
            answers=frozenset(option["value"] for option in block["properties"]["options"]),
            required=bool(block["properties"].get("required")),
        )
        for block in blocks(definition)
        if block["type"] in ("radio_buttons", "dropdown")
    ]


def dates(definition: dict[str, Any]) -> list[str]:
    """The names under which a form asks for a day, such as `birthday`."""
    return [b["properties"]["property_name"] for b in blocks(definition) if b["type"] == "date"]


def consent_words(definition: dict[str, Any], channel: str) -> str:
    """The words that stand beside an address, as evidence of what was agreed to."""
    if channel == "sms":
        said = [
            b["properties"]["checkbox_text"]
            for b in blocks(definition)
            if b["type"] == SMS_CHECKBOX
        ]
    else:
        said = [
            b["properties"]["content"] for b in blocks(definition) if b.get("id") == EMAIL_WORDS
        ]
    return "\n".join(said)


def translated(node: Any, texts: dict[str, str]) -> Any:
    """A definition with every text that has a translation in its place."""
    if isinstance(node, dict):
        return {key: translated(value, texts) for key, value in node.items()}
    if isinstance(node, list):
        return [translated(value, texts) for value in node]
    return texts.get(node, node) if isinstance(node, str) else node


def choose_locale(asked: str, offered: dict[str, Any]) -> str:
    """The locale among those offered that fits best: zh-TW finds zh-CN; none is the source."""
    asked = asked.replace("_", "-")
    if asked in offered:
        return asked
    language = asked.split("-")[0].lower()
    return next((locale for locale in offered if locale.split("-")[0] == language), "")
