"""SIGKILL half-way through the reading of a past: what the store has is kept, once."""

from benchmarks.backfill import kept_in, read, shop, wanted_by


def test_a_backfill_killed_half_way_ends_with_exactly_the_stores_data(tmp_path):
    folder = tmp_path / "shop"
    with shop(folder, 500, 1_500) as (env, store):
        reading = read(env, folder, (0.5,))
        kept = kept_in(env)

    assert reading.kills == 1
    assert kept == wanted_by(store)
    assert kept["orders"] == 1_500 - 30  # tests are no orders
    assert reading.peak_mb < 200
