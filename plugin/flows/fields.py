"""Read the parts of a definition: what we honour is a `Shape`, and the rest is refused by name.

A definition comes from elsewhere (Klaviyo, a merchant's script). A field that nothing here reads
would be a wish that is overlooked, so each is either in a shape or an error that names it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from plugin.errors import RegularsError
from plugin.values import without_unstorable

MAX_TEXT_CHARS = 1_000
MAX_VALUE_CHARS = 60  # of what is wrong, in its error
MAX_ROW_ID = 2**63 - 1


class Shape(BaseModel):
    """The fields of one part of a definition that we honour; another one is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class ShopNames:
    """What a shop has that a definition may name: its metrics and the ids of its lists."""

    metrics: Collection[str]
    lists: Collection[str]


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads a part of a definition; `path` says where it stands.

    With the names of a `shop`, each name in the definition has to be one of them.
    """

    path: str = ""
    shop: ShopNames | None = None

    def at(self, path: str) -> "FieldReader":
        """Return the reader of a part of this part."""
        return FieldReader(_join(self.path, path), self.shop)

    def read(self, shape: type[S], given: object) -> S:
        """Read a part.

        Raises:
            RegularsError: a field is wrong, or is one that we do not honour.
        """
        try:
            return shape.model_validate(given, context=self.shop)
        except ValidationError as error:
            raise self._refusal(error.errors()[0], given) from None

    def refuse(self, why: str) -> RegularsError:
        """Return the error that this part is wrong."""
        return RegularsError(f"{self.path} {why}", 422)

    def _refusal(self, error: ErrorDetails, given: object) -> RegularsError:
        field = self.at(_path(error, given))
        about, value = error.get("ctx") or {}, error["input"]
        match error["type"]:
            case "extra_forbidden" | "none_required":
                return field.refuse("isn't supported yet. Leave it out.")
            case "literal_error" | "enum":
                return field.refuse(
                    f"{_shown(value)} isn't supported yet. Use {about['expected']}."
                )
            case "union_tag_invalid":
                tagged = field.at(about["discriminator"].strip("'"))
                tags = about["expected_tags"]
                return tagged.refuse(f"{about['tag']} isn't supported yet. Use one of {tags}.")
            case "union_tag_not_found":
                return field.at(about["discriminator"].strip("'")).refuse("is missing.")
            case "value_error":
                return field.refuse(f"{about['error']}.")
            case "missing":
                return field.refuse("is missing.")
            case _ if value is None:
                return field.refuse("is missing.")
            case _:
                return field.refuse(f"is wrong: {error['msg']}.")


def _path(error: ErrorDetails, given: object) -> str:
    """Where an error is, without the names of kinds that pydantic puts between the fields."""
    path, at = "", given
    missing = error["loc"][-1:] if error["type"] == "missing" else ()
    for step in error["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
            at = at[step] if isinstance(at, Sequence) and step < len(at) else None
        elif isinstance(at, Mapping) and (step in at or step in missing):
            path, at = _join(path, step), at.get(step)
    return path


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path and field and not field.startswith("[") else path + field


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else str(value).lower()
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def _check_text(text: str) -> str:
    if without_unstorable(text) != text:
        raise ValueError("holds a character that no database keeps")
    return text


def _check_metric(name: str, info: ValidationInfo) -> str:
    if info.context is not None and name not in info.context.metrics:
        raise ValueError(
            f"{_shown(name)} isn't a metric of this shop. Write its name, as Placed Order"
        )
    return name


def _check_list(list_id: str, info: ValidationInfo) -> str:
    if info.context is not None and list_id not in info.context.lists:
        raise ValueError(f"{_shown(list_id)} isn't a list of this shop. Choose one of its lists")
    return list_id


def _check_row_id(row_id: str, info: ValidationInfo) -> str:
    if info.context is not None and not (row_id.isdecimal() and int(row_id) <= MAX_ROW_ID):
        raise ValueError(f"{_shown(row_id)} isn't a template of this shop. Choose one of its own")
    return row_id


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_check_text)]
MetricName = Annotated[Text, AfterValidator(_check_metric)]
ListId = Annotated[Text, AfterValidator(_check_list)]
TemplateId = Annotated[Text, AfterValidator(_check_row_id)]
# A wish that we cannot fulfil: null, which Klaviyo's exports write for every field, asks nothing.
Unsupported: TypeAlias = None
