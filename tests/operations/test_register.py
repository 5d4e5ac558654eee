"""`scripts/test_register.py` keeps docs/TESTS.md true to the numbers that tests bear."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGISTER = """
[stands_for]
S01 = "A wrong signature is refused."
F01 = "Killed workers lose nothing."
L01 = "Texts need consent."
[no_test_yet]
L01 = "Comes with texts."
"""
TESTS = '''
"""F01: workers are killed."""


def test_s01_a_wrong_signature_is_refused():
    pass
'''


def run(root: Path, *options: str) -> tuple[int, list[str]]:
    command = [sys.executable, str(ROOT / "scripts/test_register.py"), str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def project(root: Path, register: str = REGISTER, tests: str = TESTS) -> Path:
    (root / "tests").mkdir(exist_ok=True)
    (root / "docs").mkdir(exist_ok=True)
    (root / "tests/register.toml").write_text(register)
    (root / "tests/test_orders.py").write_text(tests)
    return root


def test_every_number_has_a_test_or_a_reason_and_the_page_is_fresh() -> None:
    assert run(ROOT, "--check") == (0, [])


def test_the_page_says_what_a_number_stands_for_and_where_its_tests_are(tmp_path: Path) -> None:
    assert run(project(tmp_path)) == (0, [])
    rows = [line for line in (tmp_path / "docs/TESTS.md").read_text().splitlines() if "01" in line]
    link = "[test_orders.py](../tests/test_orders.py)"
    assert rows == [
        "| L01 | Texts need consent. | None yet. Comes with texts. |",
        f"| S01 | A wrong signature is refused. | {link} |",
        f"| F01 | Killed workers lose nothing. | {link} |",
    ]
    assert run(tmp_path, "--check") == (0, [])


def test_a_stale_page_is_refused(tmp_path: Path) -> None:
    run(project(tmp_path))
    project(tmp_path, REGISTER.replace("Killed", "Stopped"))
    assert run(tmp_path, "--check") == (
        1,
        ["docs/TESTS.md is stale: run scripts/test_register.py"],
    )


def test_numbers_that_do_not_agree_are_each_named(tmp_path: Path) -> None:
    register = REGISTER.replace('L01 = "Comes with texts."', 'F01 = "Comes later."')
    project(tmp_path, register, TESTS.replace("test_s01", "test_s01_p02"))
    run(tmp_path)
    assert run(tmp_path, "--check") == (
        1,
        [
            "F01 (tests/test_orders.py): it has a test; take its reason out of tests/register.toml",
            "L01: no test bears it, and tests/register.toml does not say why",
            "P02 (tests/test_orders.py): tests/register.toml does not say what it is",
        ],
    )
