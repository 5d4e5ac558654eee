"""F02: kill -9 of the web process while deliveries come: every 200 has a row and one effect."""

import random
import time

from tests.faults.served import AGAIN_S, Served, tell, windows
from tests.sizes import size

PER_S, LASTS_S, KILLS = size((100, 4, 1), (200, 60, 10))
WITHIN_S = 120.0


def test_f02_every_delivery_that_was_answered_is_kept_and_counts_once(tmp_path):
    random.seed(2)
    with Served(tmp_path) as served:
        with served.loading((LASTS_S, PER_S), again_s=AGAIN_S) as result:
            for _ in range(KILLS):
                time.sleep(random.uniform(0.5, 1) * LASTS_S / (KILLS + 1))
                served.kill()
                served.start()
            loaded, answered = result()
        drained_s = served.drain(WITHIN_S)

        tell("F02", sent=PER_S * LASTS_S, kills=KILLS, hung_up=loaded.closed,
             answers=loaded.statuses, away_s=windows(answered), drained_s=round(drained_s, 1),
             missing=len(served.missing(answered)))  # fmt: skip
        assert loaded.closed > 0  # the kills fell while requests were open
        assert set(loaded.statuses) == {"200"}
        assert served.missing(answered) == set()
        served.effects_once(PER_S * LASTS_S)
