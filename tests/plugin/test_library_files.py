"""Ready-made flows, forms and mails are files; a broken one is named with its field."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin.errors import RegularsError
from plugin.flows import library as flow_library
from plugin.forms import library as form_library
from plugin.library_files import Entry, Resource, read_library
from plugin.templates import library as email_library

KINDS: dict[str, tuple[Path, type[Entry]]] = {
    "flows": (flow_library.FOLDER, Resource[flow_library.ReadyFlow]),
    "forms": (form_library.FOLDER, Resource[form_library.ReadyForm]),
    "mails": (email_library.FOLDER, email_library.Mail),
}
Change = Callable[[str], str]


def read(tmp_path: Path, kind: str, name: str, change: Change) -> dict[str, Entry]:
    """A copy of a library with one file changed, as it is read at the start."""
    folder, entry = KINDS[kind]
    copy = Path(shutil.copytree(folder, tmp_path / kind))
    path = copy / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return read_library(copy, entry)


def replaced(old: str, new: str) -> Change:
    """One word of a file changed."""
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("kind", "name", "change", "field"),
    [
        ("flows", "welcome.json", replaced('"welcome"', '"welcom"'),
         "data.attributes.definition.actions.0.data.message.template_id: "
         "Value error, there is no mail 'welcom'."),
        ("flows", "welcome.json", replaced('"newsletter"', '"XyZ123"'),
         "data.attributes.definition.triggers.0.id: Value error, there is no list 'XyZ123'."),
        ("flows", "welcome.json", replaced('"send-email"', '"send-fax"'),
         "data.attributes.definition: Value error, "
         "actions[0].type send-fax isn't supported yet."),
        ("flows", "abandoned_checkout.json", replaced('"entry_action_id"', '"entry"'),
         "data.attributes.definition.entry_action_id: Field required."),
        ("flows", "abandoned_checkout.json", replaced('"value": 1\n', '"values": 1\n'),
         "data.attributes.definition: Value error, "
         "actions[0].data.value is missing."),
        ("forms", "skincare_quiz.json", replaced('"label": "More', '"labels": "More'),
         "steps.0.columns.0.rows.2.blocks.0.properties.options.0.label: Field required."),
        ("forms", "welcome_popup.json", replaced("{", "["), "is no JSON: "),
        ("mails", "welcome.toml", replaced("subject =", "subjects ="), "subject: Field required."),
        ("mails", "welcome.toml", replaced("preview =", 'sender = "me"\npreview ='),
         "sender: Extra inputs are not permitted."),
        ("mails", "welcome.toml", replaced('type = "header"', 'type = "heading"'),
         "blocks: Value error, Block 1 has no known type: 'heading'."),
        ("mails", "data_copy.toml", replaced('type = "header"', 'type = "coupon"'),
         "the whole file: Value error, a coupon block and the table [coupon] need one another."),
        ("mails", "welcome.toml", replaced('"', "'"), "is no TOML: "),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_field(
    tmp_path: Path, kind: str, name: str, change: Change, field: str
) -> None:
    with pytest.raises(RegularsError) as error:
        read(tmp_path, kind, name, change)

    assert str(tmp_path / kind / name) in error.value.message
    assert field in error.value.message


def test_a_flow_that_klaviyo_exported_is_read_with_what_we_do_not_know(tmp_path: Path) -> None:
    def exported(text: str) -> str:
        flow: dict[str, Any] = json.loads(text)
        flow["data"] |= {
            "id": "XVTP5Q",
            "links": {"self": "https://a.klaviyo.com/api/flows/XVTP5Q"},
        }
        flow["data"]["attributes"] |= {"status": "draft", "archived": False}
        return json.dumps(flow)

    found = read(tmp_path, "flows", "welcome.json", exported)

    assert set(found) == set(flow_library.FLOWS)


@pytest.mark.parametrize("kind", ["flows", "forms"])
def test_what_a_file_says_is_kept_to_the_letter(kind: str) -> None:
    folder, entry = KINDS[kind]

    for key, found in read_library(folder, entry).items():
        said = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        assert found.model_dump(exclude_unset=True) == said
