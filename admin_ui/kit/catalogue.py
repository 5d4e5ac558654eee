"""Collect every text that a merchant or a shopper reads into `.po` files.

`python -m admin_ui.kit.catalogue` brings each language up to date; new texts stand in it with no
translation. `python -m admin_ui.kit.catalogue shoppers fr` begins a language.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from plugin import texts
from plugin.forms import library as form_library
from plugin.forms.definition import texts as texts_of_form
from plugin.templates import library as email_library

ROOT = Path(__file__).parents[2]
METHODS = {".py": "python", ".html": "jinja2"}
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "N_": None,  # named in one place, shown in another
    "text": None,
    "ngettext": (1, 2),
    "plural": (1, 2),
}
NOTES = ("NOTE:",)  # begins a comment for translators


@dataclass(frozen=True)
class Domain:
    """A catalogue (gettext calls it a domain): who reads it, and where its texts stand."""

    name: str
    readers: str
    folder: Path
    sources: dict[str, tuple[str, ...]]  # folders, and which of their files
    data: Callable[[], Iterator[tuple[str, str]]] = lambda: iter(())  # (file, text)

    def path(self, code: str) -> Path:
        """The file of a language."""
        return self.folder / code / "LC_MESSAGES" / f"{self.name}.po"

    def languages(self) -> list[str]:
        """The codes of the languages that there is a file of."""
        return sorted(path.parts[-3] for path in self.folder.glob(f"*/LC_MESSAGES/{self.name}.po"))

    def read(self, code: str) -> Catalog:
        """A language as its file has it."""
        with self.path(code).open("rb") as file:
            return read_po(file, locale=code)

    def extract(self) -> Catalog:
        """Every text."""
        found = Catalog(project="Regulars", fuzzy=False)
        for folder, patterns in self.sources.items():
            methods = [(pattern, METHODS[Path(pattern).suffix]) for pattern in patterns]
            for name, line, message, comments, context in extract_from_dir(
                str(ROOT / folder), methods, OPTIONS, KEYWORDS, NOTES
            ):
                place = (f"{folder}/{name}", line)
                found.add(message, None, [place], (), comments, (), context=context)
        for file, text in self.data():
            found.add(text, None, [(file, 1)])
        return found

    def update(self, code: str) -> None:
        """Bring a language's file up to date."""
        exists = self.path(code).exists()
        catalogue = self.read(code) if exists else Catalog(locale=code, project="Regulars")
        catalogue.update(self.extract(), no_fuzzy_matching=True, update_creation_date=not exists)
        catalogue.fuzzy = False
        catalogue.obsolete.clear()
        for message in catalogue:
            if not any("%(" in text for text in strings(message.id)):
                message.flags.discard("python-format")  # a percent sign is one
        language = Locale.parse(code).english_name
        catalogue.header_comment = f"# {language}: {self.readers}."
        catalogue.last_translator = catalogue.language_team = "The Regulars contributors"
        catalogue.msgid_bugs_address, catalogue.version = "", ""
        self.path(code).parent.mkdir(parents=True, exist_ok=True)
        with self.path(code).open("wb") as file:
            write_po(file, catalogue, width=100, omit_header=False, include_lineno=False)


def strings(value: str | list[str] | tuple[str, ...]) -> list[str]:
    """A message's text, or its singular and plural."""
    return [value] if isinstance(value, str) else list(value)


def _library() -> Iterator[tuple[str, str]]:
    for key, mail in email_library.MAILS.items():
        yield from ((f"plugin/templates/library/{key}.toml", text) for text in mail.texts())
    for key, form in form_library.FORMS.items():
        shown = texts_of_form(form.version())
        yield from ((f"plugin/forms/library/{key}.json", text) for text in shown)


ADMIN = Domain(
    "messages",
    "what merchants read in the admin",
    ROOT / "admin_ui" / "locale",
    {
        "admin_ui": ("**.py", "templates/**.html"),
        "plugin/sheets": ("**.py",),
        "plugin/shopify": ("**.py",),
    },
)
SHOPPERS = Domain(
    texts.DOMAIN,
    "what shoppers read on pages, in forms and in emails",
    texts.CATALOGUES,
    {
        "webhooks": ("**.py", "templates/**.html"),
        "plugin": ("texts.py", "messages/sender_proofs.py", "forms/**.py", "templates/**.py"),
    },
    _library,
)
DOMAINS = {domain.name: domain for domain in (ADMIN, SHOPPERS)}


if __name__ == "__main__":
    begun = sys.argv[1:]
    if begun:
        DOMAINS[begun[0]].update(begun[1])
    for each in DOMAINS.values():
        for known in each.languages():
            each.update(known)
