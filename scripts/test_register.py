"""Write docs/TESTS.md: what each number that tests bear stands for, and where its tests are.

    python scripts/test_register.py [ROOT]            write the page
    python scripts/test_register.py [ROOT] --check    list what is wrong; exit 1 if anything is

tests/register.toml says what each number stands for, and why some have no test yet. A test bears a
number in its name (`test_s12_…`, `test_f12_f13_…`), in the name of its file, or at the head of its
own or its file's docstring (`F01, F02: …`).
"""

import argparse
import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

KINDS = {
    "L": "Rules of law and of platforms",
    "S": "Attacks",
    "F": "Faults",
    "P": "Properties",
    "O": "What an operator may expect",
}
IN_NAME = re.compile(r"test_((?:[lsfpo]\d\d_)+)")
IN_DOCSTRING = re.compile(r"[LSFPO]\d\d\b(?:, [LSFPO]\d\d\b)*")
HEAD = """\
# What the tests' numbers stand for

A test that bears a number checks part of what the number stands for. This page is written by
`.venv/bin/python scripts/test_register.py` from `tests/register.toml` and the tests.
"""


def main() -> int:
    """Write the page, or with --check list what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--check", action="store_true", help="list what is wrong")
    given = parser.parse_args()
    register = tomllib.loads((given.root / "tests/register.toml").read_text())
    stands_for, reasons = register["stands_for"], register["no_test_yet"]
    tests = find_tests(given.root)
    page, text = given.root / "docs/TESTS.md", render_page(stands_for, reasons, tests)
    if not given.check:
        page.write_text(text)
        return 0
    problems = list(find_problems(stands_for, reasons, tests))
    if not page.exists() or page.read_text() != text:
        problems.append("docs/TESTS.md is stale: run scripts/test_register.py")
    for problem in problems:
        print(problem)
    return bool(problems)


def find_tests(root: Path) -> dict[str, list[str]]:
    """Return, for each number, the files with its tests."""
    files: dict[str, set[str]] = defaultdict(set)
    for path in (root / "tests").rglob("test_*.py"):
        if "node_modules" not in path.parts:
            for number in numbers_in(path):
                files[number].add(path.relative_to(root).as_posix())
    return {number: sorted(paths) for number, paths in files.items()}


def numbers_in(path: Path) -> Iterator[str]:
    """Yield the numbers that a file of tests bears."""
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    for name in (path.name, *(test.name for test in tests)):
        if match := IN_NAME.match(name):
            yield from match[1].upper().rstrip("_").split("_")
    for node in (tree, *tests):
        if match := IN_DOCSTRING.match(ast.get_docstring(node) or ""):
            yield from match[0].split(", ")


def find_problems(
    stands_for: Mapping[str, str], reasons: Mapping[str, str], tests: Mapping[str, list[str]]
) -> Iterator[str]:
    """Yield each number with an entry that disagrees with its tests."""
    for number in sorted({*stands_for, *reasons, *tests}):
        where = ", ".join(tests.get(number, ()))
        if number not in stands_for:
            yield f"{number} ({where or 'no test'}): tests/register.toml does not say what it is"
        elif not where and number not in reasons:
            yield f"{number}: no test bears it, and tests/register.toml does not say why"
        elif where and number in reasons:
            yield f"{number} ({where}): it has a test; take its reason out of tests/register.toml"


def render_page(
    stands_for: Mapping[str, str], reasons: Mapping[str, str], tests: Mapping[str, list[str]]
) -> str:
    """Return docs/TESTS.md: a table for each kind of number."""
    lines = [HEAD]
    for letter, kind in KINDS.items():
        lines += [f"## {letter}: {kind}", "", "| | stands for | tests |", "|---|---|---|"]
        for number, sentence in stands_for.items():
            if number.startswith(letter):
                links = [
                    f"[{path.removeprefix('tests/')}](../{path})" for path in tests.get(number, ())
                ]
                where = "<br>".join(links) or f"None yet. {reasons.get(number, '')}"
                lines.append(f"| {number} | {sentence} | {where} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
