"""`python -m benchmarks digest`: both sides write the same rows. No timing is asserted."""

import json

from tests.benchmarks.test_ingest import run


def test_ours_and_the_driver_end_with_the_same_rows_and_say_so():
    done = run("digest", "--quick")

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["name"], told["same"]) == ("digest", 1)
    assert told["ours_us"] > 0
    assert told["raw_us"] > 0
