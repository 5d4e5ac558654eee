"""The app's manifest: name, scopes, topics and who handles each, read from manifest.toml."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "manifest.toml"


@lru_cache
def manifest() -> dict[str, Any]:
    """manifest.toml as it stands; in the checkout and in the wheel it lies beside our folders."""
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def topics() -> dict[str, str]:
    """Each webhook topic with the module that handles it."""
    handlers: dict[str, str] = manifest()["webhooks"]["topics"]
    return handlers | compliance()


def compliance() -> dict[str, str]:
    """The topics that the law asks for, with the module that handles each."""
    handlers: dict[str, str] = manifest()["compliance"]["topics"]
    return handlers
