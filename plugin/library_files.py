"""Library files. In: a folder of JSON or TOML. Out: checked entries by their files' names."""

import json
import tomllib
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from plugin.errors import RegularsError

READERS = {".json": json.loads, ".toml": tomllib.loads}


class Entry(BaseModel):
    """A part of a file. What it does not name is kept as it stands: `model_dump` gives it back."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


E = TypeVar("E", bound=Entry)


class ResourceData(Entry, Generic[E]):
    """A resource of Klaviyo's API."""

    type: str
    attributes: E


class Resource(Entry, Generic[E]):
    """What Klaviyo's API answers and takes for one flow or form."""

    data: ResourceData[E]


def read_library(folder: Path, entry: type[E]) -> dict[str, E]:
    """Every entry of a folder.

    Raises:
        RegularsError: a file is broken; the message names it and its field.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix in READERS)
    return {path.stem: _read(path, entry) for path in paths}


def _read(path: Path, entry: type[E]) -> E:
    try:
        return entry.model_validate(READERS[path.suffix](path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole file"
        raise RegularsError(f"{path}: {field}: {first['msg']}.", 500) from None
    except ValueError as error:
        raise RegularsError(f"{path} is no {path.suffix[1:].upper()}: {error}.", 500) from None
