"""Generate Shopify's shopify.app.toml and the extensions' files from manifest.toml.

Some lines belong to the operator or to Shopify's command line, which writes them: they are taken
from the environment or from the existing file, and stay.
"""

import json
import shutil
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from plugin.errors import RegularsError
from plugin.manifest import PATH, load_manifest, topic_handlers
from plugin.shopify.install.oauth import CALLBACK
from storage.engine.types import JsonObject
from storage.privacy_requests import PrivacyTopic

# Not in the list of topics that an app may subscribe to, and wanted of every app: shopify.dev,
# "Privacy law compliance".
COMPLIANCE = tuple(PrivacyTopic)
EXTENSIONS = PATH.parent / "extensions"
UNKNOWN_URL = "https://example.com"  # as in Shopify's own templates, until the app has an operator
HEAD = (
    "# Written by `regulars manifest` from manifest.toml: change that one, and write this again.\n"
)


class Installation(BaseSettings):
    """The app's identity at Shopify; empty until configured. See `plugin.settings` for all
    settings.
    """

    model_config = SettingsConfigDict(env_prefix="REGULARS_", env_file=".env", extra="ignore")

    shopify_client_id: str = ""
    url: str = ""


def write_config(folder: Path) -> list[Path]:
    """Write the files into `folder`, and what belongs to the extensions where it is not there.

    Raises:
        RegularsError: the folder cannot be written.
    """
    try:
        if folder.resolve() != PATH.parent.resolve():
            described = shutil.ignore_patterns("shopify.extension.toml")  # written below
            shutil.copytree(EXTENSIONS, folder / "extensions", ignore=described, dirs_exist_ok=True)
        wanted = config_files(folder)
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or "some files could not be copied"
        raise RegularsError(
            f"Can't write to {folder}: {reason}. Choose another folder with --dir."
        ) from None
    return list(wanted)


def find_drift(folder: Path) -> list[str]:
    """What the files in `folder` say that manifest.toml does not, or the other way round."""
    return [
        f"{path.relative_to(folder)}: {difference}"
        for path, text in config_files(folder).items()
        for difference in _differences(_read(path), text)
    ]


def config_files(folder: Path) -> dict[Path, str]:
    """Each file with what it should hold."""
    app, popup, pixel = (
        folder / "shopify.app.toml",
        folder / "extensions" / "popup" / "shopify.extension.toml",
        folder / "extensions" / "pixel" / "shopify.extension.toml",
    )
    return {
        app: _app(tomllib.loads(_read(app))),
        popup: _popup(tomllib.loads(_read(popup))),
        pixel: _pixel(tomllib.loads(_read(pixel))),
    }


def _app(there: JsonObject) -> str:
    manifest_data, owner = load_manifest(), Installation()
    url = (owner.url or there.get("application_url") or UNKNOWN_URL).rstrip("/")
    organization = {key: there[key] for key in ("organization_id",) if key in there}
    proxy = manifest_data["app_proxy"]
    parts = [
        HEAD
        + _lines(
            client_id=owner.shopify_client_id or there.get("client_id", ""),
            **organization,
            name=manifest_data["name"],
            application_url=url,
            embedded=True,
        ),
        _table("build", **there["build"]) if "build" in there else "",
        _table(
            "access_scopes", scopes=",".join(manifest_data["scopes"]), use_legacy_install_flow=False
        ),
        # Shopify installs and we exchange tokens; the callback is for the authorization code grant.
        _table("auth", redirect_urls=[f"{url}/", url + CALLBACK]),
        _table("webhooks", api_version=manifest_data["api_version"]),
        *_subscriptions(manifest_data["webhooks"]["uri"]),
        _table(
            "app_proxy",
            url=url + proxy["path"],
            prefix=proxy["prefix"],
            subpath=proxy["subpath"],
        ),
    ]
    return "\n".join(part for part in parts if part)


def _subscriptions(uri: str) -> Iterator[str]:
    """One subscription for the topics of each handler, so that the file can be read."""

    def handler(topic: str) -> str:
        return topic_handlers()[topic]

    for name, group in groupby(sorted(topic_handlers(), key=handler), key=handler):
        topics = sorted(group)
        for kind, some in (
            ("topics", [topic for topic in topics if topic not in COMPLIANCE]),
            ("compliance_topics", [topic for topic in topics if topic in COMPLIANCE]),
        ):
            if some:
                table = _table("webhooks.subscriptions", listed=True, **{kind: some}, uri=uri)
                yield f"# Handled by: {name}\n{table}"


def _popup(there: JsonObject) -> str:
    manifest_data = load_manifest()["popup"]
    uid = {key: each[key] for each in there.get("extensions", ()) for key in each if key == "uid"}
    return (
        HEAD
        + _lines(api_version=load_manifest()["api_version"])
        + "\n"
        + _table(
            "extensions",
            listed=True,
            name=manifest_data["name"],
            handle=manifest_data["handle"],
            type="theme",
            **uid,
        )
    )


def _pixel(there: JsonObject) -> str:
    manifest_data = load_manifest()["pixel"]
    uid = {key: there[key] for key in there if key == "uid"}
    head = _lines(
        type="web_pixel_extension",
        name=manifest_data["name"],
        handle=manifest_data["handle"],
        runtime_context="strict",
        **uid,
    )
    fields = [
        _table(
            f"settings.fields.{key}",
            name=field["name"],
            description=field["description"],
            type="single_line_text_field",
            validations=[{"name": "min", "value": "1"}],
        )
        for key, field in manifest_data["settings"].items()
    ]
    parts = [
        _table("customer_privacy", **manifest_data["privacy"]),
        _table("settings", type="object"),
    ]
    return "\n".join([HEAD + head, *parts, *fields])


def _table(header: str, *, listed: bool = False, **values: object) -> str:
    return (f"[[{header}]]\n" if listed else f"[{header}]\n") + _lines(**values)


def _lines(**values: object) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: object) -> str:
    """A value as TOML has it: JSON's strings, numbers and booleans are also TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        one = "[" + ", ".join(map(_value, value)) + "]"
        many = "[\n" + "".join(f"  {_value(each)},\n" for each in value) + "]"
        return one if len(one) < 80 else many
    return json.dumps(value, ensure_ascii=False)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _differences(found: str, wanted: str) -> list[str]:
    if found == wanted:
        return []
    there, due = _leaves(tomllib.loads(found)), _leaves(tomllib.loads(wanted))
    return [
        *(f"lacks {leaf}" for leaf in due if leaf not in there),
        *(f"has {leaf}, which is not in manifest.toml" for leaf in there if leaf not in due),
    ] or ["other words or another order, yet the same meaning"]


def _leaves(value: object, name: str = "") -> list[str]:
    """Each value with the name of its place, without the numbers of lists."""
    if isinstance(value, dict):
        return [
            leaf
            for key, each in value.items()
            for leaf in _leaves(each, f"{name}.{key}" if name else key)
        ]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each, name)]
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}"]
