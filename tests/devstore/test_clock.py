"""The shop's clock: real time plus what a file says."""

from datetime import UTC, datetime

import pytest

from devstore import clock


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Each test with a clock of its own."""
    monkeypatch.delenv("REGULARS_CLOCK_FILE", raising=False)
    for name, value in (("_offset_s", 0.0), ("_seen", None), ("_looked_at", float("-inf"))):
        monkeypatch.setattr(clock, name, value)


def ahead():
    return (clock.now() - datetime.now(UTC)).total_seconds()


def test_without_a_file_only_this_process_moves():
    clock.advance(600)

    assert ahead() == pytest.approx(600, abs=1)


def test_a_file_is_written_and_read_again(monkeypatch, tmp_path):
    path = tmp_path / "clock"
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(path))

    clock.advance(3600)
    clock.advance(60)

    assert float(path.read_text()) == 3660
    assert ahead() == pytest.approx(3660, abs=1)
    assert list(tmp_path.iterdir()) == [path]


def test_another_process_may_move_it(monkeypatch, tmp_path):
    path = tmp_path / "clock"
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(path))
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0)
    assert ahead() == pytest.approx(0, abs=1)

    path.write_text("86400")

    assert ahead() == pytest.approx(86_400, abs=1)


def test_the_bar_moves_it_and_goes_back(shop):
    said = shop.post(
        "/clock",
        data={"seconds": "600"},
        headers={"Referer": "http://127.0.0.1:8001/mailbox"},
        follow_redirects=False,
    )

    assert said.headers["location"] == "/mailbox"
    assert ahead() == pytest.approx(600, abs=1)
