"""The look of the admin has one place for its colours and measures: the tokens at its head."""

import re

from admin_ui.kit.static import FOLDER

SHEET = (FOLDER / "admin.css").read_text()
TOKENS, RULES = re.search(r":root \{(.*?)\n\}\n(.*)", SHEET, re.DOTALL).groups()
COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|rgba|hsl|hsla|oklch)\(|: *(?:white|black|gr[ae]y)\b"
)


def test_no_rule_has_a_colour_that_is_not_a_token():
    assert COLOUR.search(TOKENS)
    assert COLOUR.findall(RULES) == []


def test_every_token_is_used_and_every_one_used_is_there():
    defined = set(re.findall(r"(--[\w-]+):", TOKENS))

    assert defined == set(re.findall(r"var\((--[\w-]+)\)", RULES))
