"""F05, F06: the broker is gone with all it held, then it hangs: nothing is lost or put off."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from plugin.runtime import parent_death, valkey
from tests.faults.served import Served, tell
from tests.faults.town import eventually
from tests.sizes import size

AWAY_S, HANGS_S, PER_S = size((3, 2, 40), (300, 60, 50))
BEFORE_S, AFTER_S = 1, 2
DRAINED_S, EACH_S = 60.0, 60 / 10_000  # a minute for each ten thousand


class Broker:
    """A Valkey server of the test's own, and its data."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.start()

    def start(self) -> None:
        """Start it, with its data folder as it is."""
        valkey.server_folder(self.home).mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            valkey.server_command(self.home), preexec_fn=parent_death.exit_with_parent
        )
        eventually("the broker answers", lambda: valkey.is_answering(self.home), within_s=30)

    def end(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def lose(self) -> None:
        """It is gone, and its data are."""
        self.end()
        shutil.rmtree(valkey.server_folder(self.home))

    def hang(self, for_s: float) -> None:
        """It neither answers nor hangs up."""
        os.kill(self.process.pid, signal.SIGSTOP)
        time.sleep(for_s)
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture
def broker(tmp_path: Path) -> Generator[Broker]:
    broker = Broker(tmp_path / "own")
    yield broker
    broker.end()


def test_f05_deliveries_kept_without_a_broker_are_digested_later(tmp_path, broker):
    lasts_s = BEFORE_S + AWAY_S + HANGS_S + AFTER_S
    with Served(tmp_path, broker_url=valkey.server_address(broker.home), whole=True) as served:
        pids = served.pids()
        with served.loading((lasts_s, PER_S)) as result:
            time.sleep(BEFORE_S)
            broker.lose()
            time.sleep(AWAY_S)
            waited = served.states()["new"]
            broker.start()
            broker.hang(HANGS_S)
            loaded, answered = result()
        sent = lasts_s * PER_S
        drained_s = served.drain(DRAINED_S + EACH_S * sent)

        tell("F05", sent=sent, away_s=AWAY_S, hung_s=HANGS_S, waited=waited,
             answers=loaded.statuses, p99_ms=loaded.p99_ms, drained_s=round(drained_s, 1),
             missing=len(served.missing(answered)))  # fmt: skip
        assert loaded.statuses == {"200": sent}
        assert waited > 0
        assert served.missing(answered) == set()
        served.effects_once(sent)
        assert served.pids() == pids
