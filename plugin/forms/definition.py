"""Read the questions of a form's definition (Klaviyo's published form-version JSON)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Required, TypedDict

from storage.channels import Channel
from storage.engine.types import JsonObject

SMS_CHECKBOX = "promotional_sms_checkbox"
TRANSLATED_FIELDS = {  # what a shopper reads; everything else names, links or counts
    "accessible_name",
    "alt_text",
    "checkbox_text",
    "content",
    "html",
    "invalid",
    "label",
    "placeholder",
    "required",
    "text",
}
EMAIL_WORDS = "email_consent"  # the id of the block that says what an email address allows


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a list of answers, kept under `name` on the profile."""

    name: str
    answers: frozenset[str]
    required: bool


class FormOption(TypedDict):
    """One of a question's answers, and its words."""

    label: str
    value: str


class BlockProperties(TypedDict, total=False):
    """What we read of a block: its question, or its texts."""

    property_name: str
    label: str
    options: list[FormOption]
    required: bool
    checkbox_text: str
    content: str


class FormBlock(TypedDict, total=False):
    """A text, a field, a question or a button."""

    id: str
    type: Required[str]
    properties: BlockProperties


def blocks_of(definition: JsonObject) -> Iterator[FormBlock]:
    """Every block of every step, in the order that a shopper meets them."""
    for step in definition.get("steps", []):
        for column in step.get("columns", []):
            for row in column.get("rows", []):
                yield from row.get("blocks", [])


def questions_of(definition: JsonObject) -> list[Question]:
    """Return the questions of a form."""
    return [
        Question(
            name=block["properties"]["property_name"],
            answers=frozenset(option["value"] for option in block["properties"]["options"]),
            required=bool(block["properties"].get("required")),
        )
        for block in blocks_of(definition)
        if block["type"] in ("radio_buttons", "dropdown")
    ]


def date_questions(definition: JsonObject) -> list[str]:
    """Return the names of a form's date questions, such as `birthday`."""
    return [b["properties"]["property_name"] for b in blocks_of(definition) if b["type"] == "date"]


def consented_channels(definition: JsonObject) -> list[Channel]:
    """Return the channels that a form asks consent to."""
    asks_sms = any(block["type"] == SMS_CHECKBOX for block in blocks_of(definition))
    return [Channel.EMAIL, Channel.SMS] if asks_sms else [Channel.EMAIL]


def consent_words(definition: JsonObject, channel: str) -> str:
    """Return the disclosure beside an address, as evidence of the consent."""
    if channel == Channel.SMS:
        disclosures = [
            b["properties"]["checkbox_text"]
            for b in blocks_of(definition)
            if b["type"] == SMS_CHECKBOX
        ]
    else:
        disclosures = [
            b["properties"]["content"] for b in blocks_of(definition) if b.get("id") == EMAIL_WORDS
        ]
    return "\n".join(disclosures)


def texts(node: Any) -> Iterator[str]:
    """Every text of a definition that a shopper reads."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list):
            yield from texts(value)
        elif key in TRANSLATED_FIELDS and isinstance(value, str):
            yield value


def translate_node(node: Any, translations: dict[str, str]) -> Any:
    """A definition with every text that a shopper reads in another language, where that has it."""
    if isinstance(node, list):
        return [translate_node(value, translations) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: translations.get(value, value)
        if key in TRANSLATED_FIELDS and isinstance(value, str)
        else translate_node(value, translations)
        for key, value in node.items()
    }
