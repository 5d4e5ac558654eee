"""The files that Shopify's tools read say what manifest.toml says."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from plugin.manifest import load_manifest, topic_handlers
from plugin.shopify.install import app_config
from plugin.shopify.install.app_config import COMPLIANCE

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_SHOPIFY_CLIENT_ID", "an-id-of-shopifys")
    monkeypatch.setenv("REGULARS_URL", "https://regulars.shop.example/")


def app(folder: Path) -> dict:
    return tomllib.loads((folder / "shopify.app.toml").read_text())


def test_the_files_of_this_checkout_are_up_to_date():
    said = tomllib.loads((ROOT / "shopify.app.toml").read_text())
    whose = {
        "REGULARS_SHOPIFY_CLIENT_ID": said["client_id"],
        "REGULARS_URL": said["application_url"],
    }
    done = subprocess.run(
        [sys.executable, "regulars.py", "manifest", "--check"],
        cwd=ROOT,
        env=os.environ | whose,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_shopify_is_told_all_that_the_manifest_says(tmp_path):
    app_config.write_config(tmp_path)

    said = app(tmp_path)
    assert said["client_id"] == "an-id-of-shopifys"
    assert said["application_url"] == "https://regulars.shop.example"
    assert said["app_proxy"]["url"] == "https://regulars.shop.example/proxy"
    assert said["access_scopes"]["scopes"].split(",") == load_manifest()["scopes"]
    told = said["webhooks"]["subscriptions"]
    assert {topic for each in told for topic in each.get("topics", ())} == set(
        topic_handlers()
    ) - set(COMPLIANCE)
    assert {each["uri"] for each in told} == {load_manifest()["webhooks"]["uri"]}


def test_compliance_topics_stand_where_shopify_takes_them(tmp_path, monkeypatch):
    handlers = {"orders/create": "a", "customers/redact": "b", "shop/redact": "b"}
    monkeypatch.setattr(app_config, "topic_handlers", lambda: handlers)
    app_config.write_config(tmp_path)

    assert app(tmp_path)["webhooks"]["subscriptions"] == [
        {"topics": ["orders/create"], "uri": "/webhooks/shopify"},
        {"compliance_topics": ["customers/redact", "shop/redact"], "uri": "/webhooks/shopify"},
    ]


def test_what_is_written_can_be_deployed_from_anywhere(tmp_path):
    app_config.write_config(tmp_path)

    assert app_config.find_drift(tmp_path) == []
    for there in (ROOT / "extensions").rglob("*.*"):
        assert (tmp_path / there.relative_to(ROOT)).exists()


def test_a_difference_is_named(tmp_path):
    app_config.write_config(tmp_path)
    path = tmp_path / "shopify.app.toml"
    path.write_text(path.read_text().replace('"products/delete"', '"products/forget"'))
    (tmp_path / "extensions/popup/shopify.extension.toml").unlink()

    first, second, *rest = app_config.find_drift(tmp_path)
    assert first == 'shopify.app.toml: lacks webhooks.subscriptions.topics = "products/delete"'
    assert second.startswith('shopify.app.toml: has webhooks.subscriptions.topics = "products/forg')
    assert 'extensions/popup/shopify.extension.toml: lacks extensions.type = "theme"' in rest


def test_what_shopifys_command_line_wrote_in_stays(tmp_path, monkeypatch):
    app_config.write_config(tmp_path)
    path, popup, pixel = app_config.config_files(tmp_path)
    path.write_text(
        f'organization_id = "42"\n{path.read_text()}\n[build]\ndev_store_url = "a.myshopify.com"\n'
    )
    popup.write_text(popup.read_text() + 'uid = "u-1"\n')
    pixel.write_text(f'uid = "u-2"\n{pixel.read_text()}')
    monkeypatch.delenv("REGULARS_SHOPIFY_CLIENT_ID")
    monkeypatch.delenv("REGULARS_URL")
    monkeypatch.chdir(tmp_path)  # no .env either
    app_config.write_config(tmp_path)

    assert app_config.find_drift(tmp_path) == []
    assert app(tmp_path)["organization_id"] == "42"
    assert app(tmp_path)["client_id"] == "an-id-of-shopifys"
    assert app(tmp_path)["application_url"] == "https://regulars.shop.example"
    assert app(tmp_path)["build"] == {"dev_store_url": "a.myshopify.com"}
    assert tomllib.loads(popup.read_text())["extensions"][0]["uid"] == "u-1"
    assert tomllib.loads(pixel.read_text())["uid"] == "u-2"


def test_the_pixel_declares_the_settings_that_it_is_given():
    source = (ROOT / "plugin/shopify/install/web_pixel.py").read_text()

    assert all(f'"{key}": ' in source for key in load_manifest()["pixel"]["settings"])
