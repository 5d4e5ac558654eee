"""Write `.env.example` from the settings: each with its meaning and its default.

python scripts/env_example.py            write it
python scripts/env_example.py --check    fail if it says anything else
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from pydantic.fields import FieldInfo

from plugin.settings import Settings

FILE = Path(__file__).parents[1] / ".env.example"
HEAD = """\
# Settings of Regulars. Copy to .env, fill in the first three and the URL, and take the # from what
# you change.
# A value with a $, a # or a space stands in single quotes.
# More on each: docs/guides/settings.md
"""
WIDTH = 96


def main() -> int:
    """Write the file, or with --check say whether it is as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        FILE.write_text(text())
    elif FILE.read_text() != text():
        print(".env.example is stale: run scripts/env_example.py")
        return 1
    return 0


def text() -> str:
    """Everything that the file says: what must be set, then what may be."""
    fields = Settings.model_fields.items()
    must = [_lines(name, field) for name, field in fields if field.is_required()]
    may = [_lines(name, field) for name, field in fields if not field.is_required()]
    return "\n".join([HEAD, *("\n".join(lines) + "\n" for lines in (*must, *may))])


def _lines(name: str, field: FieldInfo) -> Iterator[str]:
    """A setting's meaning, and the line that sets it."""
    for line in wrap(field.description or "", WIDTH):
        yield f"# {line}"
    if field.is_required():
        yield f"REGULARS_{name.upper()}="
    else:
        yield f"#REGULARS_{name.upper()}={_shown(field.default)}"


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    raise SystemExit(main())
