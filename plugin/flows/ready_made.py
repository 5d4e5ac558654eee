"""Read a ready-made flow from its file, in the shape of Klaviyo's API."""

from collections.abc import Mapping

from pydantic import ValidationInfo, field_validator

from plugin.errors import RegularsError
from plugin.flows import definition as flow_definition
from plugin.library_files import Entry
from plugin.templates import library
from storage.engine.types import JsonObject

NEWSLETTER_KEY = "newsletter"


class ReadyTrigger(Entry):
    """What starts a flow: a list by its key, or a metric by its name."""

    type: str
    id: str

    @field_validator("id")
    @classmethod
    def _check_id(cls, key: str, info: ValidationInfo) -> str:
        if info.data.get("type") == "list" and key != NEWSLETTER_KEY:
            raise ValueError(f"there is no list {key!r}")
        return key


class ReadyEmail(Entry):
    """The mail of a step; its template is one of `plugin/templates/library`."""

    template_id: str

    @field_validator("template_id")
    @classmethod
    def _check_template(cls, key: str) -> str:
        if key not in library.MAILS:
            raise ValueError(f"there is no mail {key!r}")
        return key


class ReadyData(Entry):
    """What a step does."""

    message: ReadyEmail | None = None


class ReadyAction(Entry):
    """A step."""

    id: str
    type: str
    data: ReadyData


class ReadyDefinition(Entry):
    """A definition, as far as a file has to be right about it."""

    triggers: list[ReadyTrigger]
    entry_action_id: str
    actions: list[ReadyAction]


class ReadyFlow(Entry):
    """A ready-made flow, as its file has it."""

    name: str
    definition: ReadyDefinition

    @field_validator("definition")
    @classmethod
    def _check_definition(cls, definition: ReadyDefinition) -> ReadyDefinition:
        try:
            flow_definition.parse_definition(definition.model_dump(exclude_unset=True))
        except RegularsError as error:
            raise ValueError(error.message.rstrip(".")) from None
        return definition

    def definition_with(self, list_id: int, templates: Mapping[str, int]) -> JsonObject:
        """The definition as a shop runs it: its list and its templates in place of their keys."""
        found = self.definition.model_dump(exclude_unset=True)
        for trigger in found["triggers"]:
            if trigger["type"] == "list":
                trigger["id"] = str(list_id)
        for action in found["actions"]:
            if message := action["data"].get("message"):
                message["template_id"] = str(templates[message["template_id"]])
        return found
