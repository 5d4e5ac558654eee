"""`python -m benchmarks search`: each page is asked for over HTTP. No timing is asserted."""

import json

from tests.benchmarks.test_ingest import run


def test_queries_and_pages_are_told_as_they_are_at_first_and_then():
    done = run("search", "--quick", "--events", "10000")

    assert done.returncode in (0, 1), done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["name"], told["profiles"]) == ("search", 2_000)
    assert told["questions"] > 300
    for line in ("query", "a search", "a profile", "the largest list", "GET /"):
        for share in ("p50", "p95"):
            assert told[f"{line} first {share}"] > 0
            assert told[f"{line} {share}"] > 0
