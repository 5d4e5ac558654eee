"""Catalogues: every string that a merchant sees comes in, a `.po` file with no hole goes out."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from admin_ui.kit.language import CATALOGUES, LANGUAGES

HERE = Path(__file__).parents[1]
SHEETS = HERE.parent / "plugin" / "sheets"  # what is wrong with a file, in words for merchants
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "N_": None,  # named in one place, said in another
    "text": None,
    "ngettext": (1, 2),
    "plural": (1, 2),
}


def extract() -> Catalog:
    """Every string in our Python and in our templates, and those of files that merchants bring."""
    found = Catalog(project="Regulars", fuzzy=False)
    for folder, place in ((HERE, "admin_ui"), (SHEETS, "plugin/sheets")):
        for name, line, message, comments, context in extract_from_dir(
            str(folder), METHODS, OPTIONS, KEYWORDS
        ):
            found.add(message, None, [(f"{place}/{name}", line)], (), comments, (), context=context)
    return found


def update(code: str) -> Catalog:
    """Bring a language's catalogue up to date; new strings stand in it with no translation."""
    path = CATALOGUES / code / "LC_MESSAGES" / "messages.po"
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
    else:
        catalogue = Catalog(locale=code, project="Regulars", fuzzy=False)
    catalogue.update(extract(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment = f"# {LANGUAGES[code]}: what merchants read in the admin."
    catalogue.last_translator = catalogue.language_team = "The Regulars contributors"
    catalogue.msgid_bugs_address, catalogue.version = "", ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, omit_header=False, include_lineno=False)
    return catalogue


if __name__ == "__main__":
    for language in [code for code in LANGUAGES if code != "en"]:
        update(language)
