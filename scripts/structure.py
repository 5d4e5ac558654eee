"""Measure the structure of this project: a table of its packages, then one line of JSON.

    python scripts/structure.py [ROOT]            print the figures
    python scripts/structure.py [ROOT] --check    list what breaks a rule; exit 1 if anything does

Migrations, which Alembic writes, are left out. Of the figures:

- `p90` is the 90th percentile.
- `dict[str, Any]`: and `Mapping[str, Any]` and the like. `JsonObject` is the name for the JSON of
  others; each place that takes or gives one counts.
- `>4 args`: functions with more than four positional parameters, self and cls not counted; not in
  tests, where pytest passes fixtures by name.
- `bare states`: string literals that equal a state's value (scripts/structure.toml, and each
  StrEnum that types a field) and are compared with, assigned to or passed as something named like
  a state (`.state`, `kind=`, `{"channel": …}`), or held by an upper-case constant, as keys too; in
  our four packages, outside a StrEnum. A constant counts if all that it holds are states, as names
  of fields that equal one (`email`) stand beside others (`first_name`), and one text if the
  constant is named like it.
- `dead names`: names of scripts/structure.toml that a module, class, function, constant, column,
  table or import alias bears. Each definition counts, and each alias once a package.
- `dead words`: counted in docstrings, comments and Markdown; findings.py lists them.
"""

import argparse
import ast
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from statistics import median

from findings import (
    OURS,
    VOCABULARY,
    Found,
    Source,
    find_bare_states,
    find_dead_names,
    find_dead_words,
    find_functions,
    find_json_objects,
    find_many_positional,
    find_str_enums,
    find_untyped_dicts,
    prose_of,
    state_values,
)

PACKAGES = (*OURS, "devstore", "tests", "docs")
MAX_FILE_LINES, MAX_TEST_FILE_LINES, MAX_FUNCTION_LINES = 400, 600, 60
MAX_FOLDER_FILES = 15
MAX_UNTYPED_DICTS = {"plugin": 20, "storage": 10}  # where JSON of others enters or leaves
MIN_SENTENCE_WORDS = 5
COUNTS = {  # a figure's name in JSON -> in the table
    "untyped_dicts": "dict[str, Any]",
    "json_objects": "JsonObject",
    "many_positional": ">4 args",
    "str_enums": "StrEnums",
    "bare_states": "bare states",
    "dead_names": "dead names",
    "large_folders": "folders >15",
    "dead_words": "dead words",
}
Findings = dict[str, list[Found]]


def main() -> int:
    """Print the figures, or with --check what breaks a rule."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--check", action="store_true", help="list what breaks a rule")
    given = parser.parse_args()
    sources = {package: read_sources(given.root, package) for package in PACKAGES}
    values = state_values(source for package in OURS for source in sources[package])
    found = {name: measure(given.root, name, sources[name], values) for name in PACKAGES}
    if given.check:
        return report_offences([o for name in PACKAGES for o in offences_in(name, found[name])])
    print_figures(found)
    return 0


def read_sources(root: Path, package: str) -> list[Source]:
    """Read the Python files of a package."""
    sources = []
    for path in sorted((root / package).rglob("*.py")):
        if not {"migrations", "node_modules"} & set(path.parts):
            name, text = path.relative_to(root).as_posix(), path.read_text()
            tree = ast.parse(text)
            sources.append(Source(name, text.splitlines(), tree, list(ast.walk(tree))))
    return sources


def measure(root: Path, package: str, sources: list[Source], values: set[str]) -> Findings:
    """Find all that the figures of one package count."""
    ours, code = package in OURS, package != "tests"
    return {
        "files": [Found(s.path, f"{len(s.lines)} lines", len(s.lines)) for s in sources],
        "functions": [f for s in sources for f in find_functions(s)],
        "untyped_dicts": [f for s in sources for f in find_untyped_dicts(s)],
        "json_objects": [f for s in sources for f in find_json_objects(s)],
        "many_positional": [f for s in sources if code for f in find_many_positional(s)],
        "str_enums": [f for s in sources for f in find_str_enums(s)],
        "bare_states": [f for s in sources if ours for f in find_bare_states(s, values)],
        "dead_names": [f for s in sources for f in find_dead_names(s)],
        "large_folders": list(find_large_folders(root, package)),
        "dead_words": list(find_dead_prose(root, package, sources)),
        "mute_rooms": list(find_mute_rooms(sources)) if ours else [],
    }


def find_large_folders(root: Path, package: str) -> Iterator[Found]:
    """Find folders of more than MAX_FOLDER_FILES Python files and templates."""
    paths = [path.relative_to(root) for path in (root / package).rglob("*")]
    ours = [p for p in paths if p.suffix in (".py", ".html") and "node_modules" not in p.parts]
    for folder, count in sorted(Counter(path.parent.as_posix() for path in ours).items()):
        if count > MAX_FOLDER_FILES:
            yield Found(folder, f"{count} files", count)


def find_dead_prose(root: Path, package: str, sources: list[Source]) -> Iterator[Found]:
    """Find dead words in the package's Python, or in the project's Markdown."""
    for source in sources:
        yield from find_dead_words(source.path, prose_of(source))
    if package == "docs":
        for path in sorted((*root.glob("*.md"), *(root / "docs").rglob("*.md"))):
            lines = path.read_text().splitlines()
            yield from find_dead_words(path.relative_to(root).as_posix(), enumerate(lines, 1))


def find_mute_rooms(sources: list[Source]) -> Iterator[Found]:
    """Find folders of Python that no sentence introduces."""
    trees = {source.path: source.tree for source in sources}
    for folder in sorted({path.rpartition("/")[0] for path in trees}):
        room = f"{folder}/__init__.py"
        docstring = ast.get_docstring(trees[room]) if room in trees else None
        sentence = (docstring or "").partition("\n\n")[0]
        if not sentence.endswith(".") or len(sentence.split()) < MIN_SENTENCE_WORDS:
            yield Found(room, f"no sentence says what the folder is for, but {sentence!r}")


def offences_in(package: str, found: Findings) -> Iterator[Found]:
    """Yield what breaks a rule."""
    most = MAX_TEST_FILE_LINES if package == "tests" else MAX_FILE_LINES
    yield from (file for file in found["files"] if file.size > most)
    yield from (function for function in found["functions"] if function.size > MAX_FUNCTION_LINES)
    yield from (f for f in found["large_folders"] if f.where not in VOCABULARY["folders"])
    if package in OURS:
        yield from found["many_positional"]
    untyped = found["untyped_dicts"]
    if package in MAX_UNTYPED_DICTS and len(untyped) > MAX_UNTYPED_DICTS[package]:
        yield from untyped
    yield from (*found["bare_states"], *found["dead_names"])
    yield from (*found["dead_words"], *found["mute_rooms"])


def report_offences(offences: list[Found]) -> int:
    """Print them, one a line, and return the exit code."""
    for offence in offences:
        print(f"{offence.where}: {offence.what}")
    return bool(offences)


def print_figures(found: dict[str, Findings]) -> None:
    """Print the table, the largest of each package, and the JSON line."""
    head = ("", "files", "lines med/p90/max", "function med/p90/max", *COUNTS.values())
    figures = {package: figures_of(findings) for package, findings in found.items()}
    rows = [head]
    for package, of in figures.items():
        files = f"{of['file_lines_median']}/{of['file_lines_p90']}/{of['file_lines_max']}"
        functions = f"{of['function_median']}/{of['function_p90']}/{of['function_max']}"
        rows.append((package, str(of["files"]), files, functions, *(str(of[c]) for c in COUNTS)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    for package, findings in found.items():
        for kind in ("files", "functions"):
            if findings[kind]:
                largest = max(findings[kind], key=lambda each: each.size)
                print(f"{package}: longest of {kind}: {largest.where} ({largest.what})")
    print(json.dumps({"name": "structure", **figures}))


def figures_of(found: Findings) -> dict[str, float]:
    """Return the figures of one package."""
    files = sorted(file.size for file in found["files"])
    functions = sorted(function.size for function in found["functions"])
    counts = {kind: len(found[kind]) for kind in COUNTS}
    counts["dead_names"] = len({name.what for name in found["dead_names"]})
    return {
        "files": len(files),
        **{f"file_lines_{name}": value for name, value in spread(files).items()},
        **{f"function_{name}": value for name, value in spread(functions).items()},
        **counts,
    }


def spread(sizes: Sequence[int]) -> dict[str, int]:
    """Return the median, the 90th percentile and the largest of these sorted sizes."""
    if not sizes:
        return {"median": 0, "p90": 0, "max": 0}
    return {
        "median": round(median(sizes)),
        "p90": sizes[ceil(0.9 * len(sizes)) - 1],
        "max": sizes[-1],
    }


if __name__ == "__main__":
    raise SystemExit(main())
