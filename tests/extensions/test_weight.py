"""What a storefront pays: gzip sizes of the sources as they stand, comments and all."""

import gzip
import json
import tomllib

import pytest

from tests.extensions.storefront import ASSETS, EXTENSIONS


def packed(*names: str) -> int:
    return sum(len(gzip.compress((ASSETS / name).read_bytes(), 9)) for name in names)


def test_a_page_without_an_open_form_pays_for_the_loader_only():
    assert packed("popup.js") <= 3_200


def test_the_richest_form_stays_light():
    assert packed(*(asset.name for asset in ASSETS.iterdir())) <= 11_500


@pytest.mark.parametrize("asset", sorted(ASSETS.glob("*.js")), ids=lambda asset: asset.name)
def test_no_script_passes_the_limit_for_app_blocks(asset):
    assert asset.stat().st_size <= 10_000


def test_the_scripts_write_no_markup_and_load_nothing_foreign():
    for asset in ASSETS.iterdir():
        source = asset.read_text()
        assert not any(
            risk in source for risk in ("innerHTML", "insertAdjacentHTML", "eval(", "://")
        )


def test_every_locale_says_the_same_things():
    for kind in ("", ".schema"):
        english = json.loads((EXTENSIONS / f"popup/locales/en.default{kind}.json").read_text())
        chinese = json.loads((EXTENSIONS / f"popup/locales/zh-CN{kind}.json").read_text())
        assert {key: list(words) for key, words in english.items()} == {
            key: list(words) for key, words in chinese.items()
        }


def test_the_embed_names_only_assets_and_words_that_exist():
    embed = (EXTENSIONS / "popup/blocks/embed.liquid").read_text()
    schema = json.loads(embed.split("{% schema %}")[1].split("{% endschema %}")[0])
    words = json.loads((EXTENSIONS / "popup/locales/en.default.json").read_text())["popup"]

    assert schema["target"] == "body"
    assert all(f"'popup.{word}' | t" in embed for word in words)
    assert all(
        (ASSETS / part.split("'")[-1]).exists() for part in embed.split("' | asset_url")[:-1]
    )


def test_both_extensions_say_what_they_are():
    kinds = {}
    for path in EXTENSIONS.glob("*/shopify.extension.toml"):
        described = tomllib.loads(path.read_text())
        kinds[path.parent.name] = described.get("extensions", [described])[0]["type"]

    assert kinds == {"popup": "theme", "pixel": "web_pixel_extension"}
