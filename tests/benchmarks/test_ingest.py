"""`python -m benchmarks ingest`: what it prints adds up. No timing is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import delivery
from benchmarks.ingest import NAMES
from tests.sizes import PATIENCE

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120 * PATIENCE,
    )


def test_ours_and_the_floor_are_told_in_a_table_and_in_a_last_line_of_json():
    done = run("ingest", "--quick", "--seconds", "0.2", "--only", "ours,bare")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ours: regulars web" in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["name"], told["connections"], told["passes"]) == ("ingest", 32, 1)
    assert told["answered"] > 0
    assert told["lost"] == 0
    assert told["ours_us"] > 0
    assert told["ours_vs_bare"] == pytest.approx(told["ours_us"] / told["bare_us"], rel=0.02)
    assert told["node_us"] is told["node_vs_ours"] is None


def test_a_benchmark_that_does_not_exist_is_refused_by_name():
    done = run("speed-of-light")

    assert done.returncode == 2
    assert "speed-of-light" in done.stderr


def test_the_order_has_the_size_that_the_table_says():
    assert len(delivery.order()) == delivery.SIZE
    assert json.loads(delivery.order())["name"] == "#1001"
    assert NAMES == ("ours", "postgres", "bare", "node")
