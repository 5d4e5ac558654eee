"""Render the app's embed block, Liquid of its theme extension, at the end of a page."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import liquid

from devstore.shop.store import Store

SCHEMA = re.compile(r"{%-?\s*schema\s*-?%}(.*?){%-?\s*endschema\s*-?%}", re.DOTALL)
BLOCK = Path("popup/blocks/embed.liquid")
LOCALE = "en"


class Embed:
    """The embed block of the popup extension on one shop."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store

    @classmethod
    def on(cls, folder: Path | None, store: Store) -> "Embed | None":
        """Return the block, if the app has one and the merchant left it on."""
        if folder is None or not store.embed_on or not (folder / BLOCK).is_file():
            return None
        return cls(folder, store)

    def render(self, page_type: str) -> str:
        """The block as it stands before </body>."""
        source = (self._folder / BLOCK).read_text()
        found = SCHEMA.search(source)
        settings = _defaults(found.group(1)) if found else {}
        template = _environment(self._folder / "popup").from_string(SCHEMA.sub("", source))
        return template.render(
            shop={
                "permanent_domain": self._store.domain,
                "domain": self._store.domain,
                "name": self._store.name,
                "url": self._store.storefront_url,
                "locale": LOCALE,
                "currency": self._store.currency,
            },
            request={
                "locale": {"iso_code": LOCALE, "primary": True},
                "page_type": page_type,
                "design_mode": False,
                "host": self._store.domain,
            },
            localization={"language": {"iso_code": LOCALE}},
            app={"metafields": self._metafields()},
            block={"settings": settings, "id": "regulars-embed", "shopify_attributes": ""},
        )

    def _metafields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for row in self._store.metafields(self._store.installation_gid):
            plain = json.loads(row["value"]) if row["type"] == "json" else row["value"]
            space = fields.setdefault(row["namespace"], {})
            space[row["key"]] = {"value": plain, "type": row["type"]}
        return fields


def _defaults(schema: str) -> dict[str, Any]:
    """Settings as they are before a merchant touches them."""
    said = json.loads(schema).get("settings", [])
    return {each["id"]: each.get("default") for each in said if "id" in each}


@lru_cache(maxsize=8)
def _environment(extension: Path) -> liquid.Environment:
    environment = liquid.Environment()
    words = _words(extension)
    environment.filters |= {
        "asset_url": lambda name: f"/cdn/extensions/{extension.name}/assets/{name}",
        "json": _json,
        "t": lambda key, **_: words.get(str(key), f"translation missing: {key}"),
    }
    return environment


def _json(value: Any) -> str:
    """Liquid's `json`: safe inside a script element; what is not there is null."""
    text = json.dumps(value, ensure_ascii=False, default=lambda _missing: None)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _words(extension: Path) -> dict[str, str]:
    """The extension's default texts, by dotted key."""
    found = next((extension / "locales").glob("*.default.json"), None)
    return dict(_flat(json.loads(found.read_text()))) if found else {}


def _flat(tree: dict[str, Any], head: str = "") -> list[tuple[str, str]]:
    pairs = []
    for key, value in tree.items():
        name = f"{head}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, str(value))]
    return pairs
