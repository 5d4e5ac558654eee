"""`scripts/structure.py` measures a tree and names each place that breaks a rule of structure."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/structure.py"
CLEAN = '''"""What the shop keeps, one noun a file."""'''
# Assembled here, so that the script finds no dead word in this file.
DEAD_WORD = "who" + "ever"
BROKEN = f'''
from typing import Any
from enum import StrEnum

LONGEST = 60
NEW, HUES, WORDS = "new", ("red", "due"), {{"red": "Red", "due": "Due"}}
FIELDS, TOPIC = ("red", "blue"), "due"  # names of fields, and a topic that happens to be called so


class Color(StrEnum):
    RED = "red"


class Paint:
    color: Color
    told_at: str


class Credit(Base, table=True):
    """What {DEAD_WORD} reads this is not told."""


def mix(first, second, third, fourth, fifth, kind="red") -> dict[str, Any]:
    return {{"state": "red"}}


def is_due(row: Mapping[str, Any], said: JsonObject):
    return row.state in ("due", "red") or row.name == "due"
'''


def measure(root: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/__init__.py").write_text(CLEAN)
    assert measure(tmp_path, "--check") == (0, "")


def test_each_broken_rule_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/__init__.py").write_text('"""Later."""')
    (tmp_path / "storage/messages.py").write_text(BROKEN)
    (tmp_path / "storage/long.py").write_text("def work():\n" + "    pass\n" * 500)
    (tmp_path / "plugin").mkdir()
    for number in range(16):
        (tmp_path / f"plugin/room_{number}.html").touch()
    (tmp_path / "README.md").write_text(f"For {DEAD_WORD} reads this.")
    code, out = measure(tmp_path, "--check")
    assert code == 1
    assert [line.partition(": ")[0] for line in out.splitlines()] == [
        "plugin",
        "storage/long.py",
        "storage/long.py:1",
        "storage/messages.py:23",  # six positional parameters
        *["storage/messages.py:6"] * 5,  # states in constants,
        "storage/messages.py:24",  # in a dict,
        *["storage/messages.py:28"] * 2,  # and in a comparison
        "storage/long.py:1",
        "storage/messages.py:5",
        "storage/messages.py:16",
        "storage/messages.py:19",
        "storage/messages.py:19",
        "storage/messages.py:20",
        "storage/__init__.py",
        "README.md:1",
    ]


def test_the_last_line_holds_all_figures_as_json(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/__init__.py").write_text(CLEAN)
    (tmp_path / "storage/messages.py").write_text(BROKEN)
    code, out = measure(tmp_path)
    figures = json.loads(out.splitlines()[-1])["storage"]
    assert code == 0
    assert figures == {
        "files": 2,
        "file_lines_median": 14,
        "file_lines_p90": 28,
        "file_lines_max": 28,
        "function_median": 2,
        "function_p90": 2,
        "function_max": 2,
        "untyped_dicts": 2,
        "json_objects": 1,
        "many_positional": 1,
        "str_enums": 1,
        # The dict's, both of the comparison with `row.state`, and five of the constants.
        "bare_states": 8,
        "dead_names": 4,  # LONGEST, told_at, Credit and its table
        "large_folders": 0,
        "dead_words": 1,
    }
