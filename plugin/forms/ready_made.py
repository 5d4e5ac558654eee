"""Read a ready-made form from its file, in the shape of Klaviyo's API."""

from pydantic import Field

from plugin.library_files import Entry
from storage.engine.types import JsonObject


class ReadyOption(Entry):
    """One of a question's answers."""

    label: str
    value: str


class ReadyBlockProperties(Entry):
    """The texts and questions of a block."""

    property_name: str = ""
    options: list[ReadyOption] = Field(default=[], min_length=1)


class ReadyBlock(Entry):
    """A text, a field, a question or a button."""

    type: str
    properties: ReadyBlockProperties


class ReadyRow(Entry):
    """A row of a column."""

    blocks: list[ReadyBlock]


class ReadyColumn(Entry):
    """A column of a step."""

    rows: list[ReadyRow]


class ReadyStep(Entry):
    """A step: what a shopper sees at a time."""

    name: str
    columns: list[ReadyColumn]


class ReadyVersionProperties(Entry):
    """What holds for every step."""

    accessible_name: str
    rule_based_trigger_evaluation: str


class ReadyVersion(Entry):
    """A version, as far as a file has to be right about it."""

    type: str
    triggers: list[JsonObject]
    properties: ReadyVersionProperties
    steps: list[ReadyStep] = Field(min_length=1)


class ReadyVersions(Entry):
    """A form's definition; ready-made ones have one version."""

    versions: list[ReadyVersion] = Field(min_length=1, max_length=1)


class ReadyForm(Entry):
    """A ready-made form, as its file has it."""

    name: str
    definition: ReadyVersions

    def version(self) -> JsonObject:
        """What a shop shows of it."""
        return self.definition.versions[0].model_dump(exclude_unset=True)
