"""Shopify's own elements in our pages, against its published types of App Bridge."""

import json
import re
from html.parser import HTMLParser

from admin_ui.kit.pages import TEMPLATES
from tests.conformance.tools import Tools

TYPES = "import '@shopify/app-bridge-types';\ntype Elements = JSX.IntrinsicElements;\n"


class Elements(HTMLParser):
    """Collects the elements that no browser knows, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element of Shopify's."""
        if re.match(r"(ui|s)-", tag):
            self.found.add((tag, ""))
            self.found.update((tag, name) for name, _ in attrs)


def test_each_of_shopifys_elements_is_published_with_its_attributes(tools: Tools):
    elements = Elements()
    for template in TEMPLATES.rglob("*.html"):
        elements.feed(template.read_text())
    asked = [*sorted(elements.found), ("ui-nothing", "")]
    lines = "".join(
        f"export type T{n} = Elements[{json.dumps(tag)}]"
        + (f"[{json.dumps(name)}];\n" if name else ";\n")
        for n, (tag, name) in enumerate(asked)
    )
    faults = tools.script("types", {"text": TYPES + lines})
    first = TYPES.count("\n")

    assert ("ui-nav-menu", "") in asked
    assert [asked[line - first] for line, _ in faults] == [("ui-nothing", "")]
