"""F08: PostgreSQL is down: webhooks are put off at once, and nothing is missing once it is back."""

import time

from plugin.messages import links
from tests.faults.postgres import postgres
from tests.faults.served import WAITS_S, Served, tell
from tests.sizes import FULL, size

AWAY_S, PER_S, AGAIN_S = size((4.0, 20, 1.0), (600.0, 20, 60.0))
WITHIN_S = 300.0


def test_f08_requests_are_deferred_without_a_database_and_none_is_lost(tmp_path):
    page = f"/u/{links.make_token(links.UNSUBSCRIBE, links.Target(1, 1))}"
    lasts_s = int(AWAY_S + 4)
    with postgres() as server, Served(tmp_path, database_url=server.url, whole=FULL) as served:
        with served.loading((lasts_s, PER_S), again_s=AGAIN_S) as result:
            time.sleep(1)
            server.stop()
            stopped = time.monotonic()
            asked = {path: served.ask(path) for path in (page, "/healthz", "/readyz")}
            time.sleep(max(0.0, AWAY_S - (time.monotonic() - stopped)))
            server.start()
            loaded, answered = result()
        drained_s = served.drain(WITHIN_S)

        refused = sorted(each.took_ms for each in answered if each.status == 503)
        middle, last = refused[len(refused) // 2], refused[len(refused) * 99 // 100]
        tell("F08", away_s=AWAY_S, answers=loaded.statuses, refused_p50_ms=middle,
             refused_p99_ms=last, drained_s=round(drained_s, 1),
             missing=len(served.missing(answered)))  # fmt: skip
        assert set(loaded.statuses) == {"200", "503"}
        assert loaded.closed == loaded.late == 0
        assert refused[-1] < WAITS_S * 1e3
        assert [each.status_code for each in asked.values()] == [503, 200, 503]
        assert int(asked[page].headers["Retry-After"]) > 0
        assert "try again" in asked[page].text
        assert served.missing(answered) == set()
        served.effects_once(lasts_s * PER_S)
