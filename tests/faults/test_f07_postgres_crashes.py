"""F07: PostgreSQL crashes again and again under load: what was answered is kept, all go on."""

import time

from tests.faults.postgres import postgres
from tests.faults.served import AGAIN_S, Served, tell, windows
from tests.sizes import size

PER_S, LASTS_S, CRASHES = size((40, 8, 2), (200, 100, 10))
WITHIN_S = 120.0


def test_f07_a_crashing_database_loses_nothing_and_needs_no_restart(tmp_path):
    with postgres() as server, Served(tmp_path, database_url=server.url, whole=True) as served:
        pids = served.pids()
        with served.loading((LASTS_S, PER_S), again_s=AGAIN_S) as result:
            for _ in range(CRASHES):
                time.sleep(LASTS_S / (CRASHES + 1))
                server.crash()
            loaded, answered = result()
        drained_s = served.drain(WITHIN_S)

        tell("F07", sent=PER_S * LASTS_S, crashes=CRASHES, answers=loaded.statuses,
             hung_up=loaded.closed, away_s=windows(answered), drained_s=round(drained_s, 1),
             missing=len(served.missing(answered)))  # fmt: skip
        assert loaded.closed == loaded.late == 0
        assert set(loaded.statuses) <= {"200", "503"}
        assert served.missing(answered) == set()
        served.effects_once(PER_S * LASTS_S)
        assert served.pids() == pids
