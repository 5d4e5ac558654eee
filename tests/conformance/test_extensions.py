"""The popup's extension under Shopify's theme check; the pixel under Shopify's own package."""

import json
from typing import Any

import pytest

from tests.conformance.tools import ROOT, Tools

POPUP, PIXEL = ROOT / "extensions" / "popup", ROOT / "extensions" / "pixel" / "src" / "index.js"
PRIVACY = "visitorConsentCollected"
DEEP = """
import type {
  CustomerPrivacyPayload, CustomEvent, ExtensionApi, PixelEvents
} from '@shopify/web-pixels-extension';
type In<T, K extends keyof NonNullable<T>> = NonNullable<T>[K];
type Item<T> = NonNullable<T> extends ReadonlyArray<infer E> ? E : never;
"""


def test_theme_check_finds_nothing_in_the_popup(tools: Tools, tmp_path):
    said = tools.script("theme", {"folder": str(POPUP), "config": str(tmp_path / "check.yml")})

    assert "blocks/embed.liquid" in said["files"]
    assert said["offenses"] == []


def test_theme_check_would_find_a_fault(tools: Tools, tmp_path):
    (tmp_path / "blocks").mkdir()
    faulty = (POPUP / "blocks" / "embed.liquid").read_text().replace("popup.js", "missing.js")
    (tmp_path / "blocks" / "embed.liquid").write_text(faulty)
    said = tools.script("theme", {"folder": str(tmp_path), "config": str(tmp_path / "check.yml")})

    assert any("MissingAsset" in offense for offense in said["offenses"])


@pytest.fixture(scope="module")
def pixel(tools: Tools) -> dict[str, Any]:
    """Return our pixel's settings and permissions, once Shopify's package has registered it."""
    found: dict[str, Any] = tools.script("pixel", {"source": PIXEL.read_text()})
    return found


def test_the_pixel_runs_under_the_published_package(pixel):
    events = set(pixel["read"]) - {"init", PRIVACY}

    assert pixel["points"] == ["WebPixel::Render"]
    assert pixel["posted"] == len(events) > 10


def test_every_event_and_field_that_the_pixel_reads_is_published(tools: Tools, pixel):
    asked = [
        (name, path, _type(name, path.split(".")))
        for name, paths in pixel["read"].items()
        for path in paths
    ]
    asked.append(("product_viewed", "data.nothing", _type("product_viewed", ["data", "nothing"])))
    lines = DEEP + "".join(f"export type T{n} = {kind};\n" for n, (_, _, kind) in enumerate(asked))
    faults = tools.script("types", {"text": lines})
    first = DEEP.count("\n")

    assert len(asked) > 100
    assert [asked[line - first][:2] for line, _ in faults] == [("product_viewed", "data.nothing")]


def _type(name: str, path: list[str]) -> str:
    """The type of a field, by a chain that fails to compile where a name is not known."""
    kind = {
        "init": "ExtensionApi['init']",
        "all_custom_events": "CustomEvent",
        PRIVACY: "CustomerPrivacyPayload",
    }.get(name, f"PixelEvents[{json.dumps(name)}]")
    for part in path:
        kind = f"Item<{kind}>" if part == "0" else f"In<{kind}, {json.dumps(part)}>"
    return kind
