"""The tour in a real browser: what a newcomer sees first."""

import pytest

from devstore import chromium
from tests.operations.processes import run


def test_the_story_plays_in_a_browser(tmp_path, monkeypatch):
    pytest.importorskip("playwright")
    assert chromium.find(), "there is no Chromium here; `scripts/setup browser` fetches one"
    monkeypatch.setattr("tests.operations.processes.WITHIN_S", 300)

    told = run("tour", "--out", "tour", cwd=tmp_path)

    assert told.returncode == 0, told.stdout + told.stderr
    pictures = {path.name.partition("-")[2] for path in (tmp_path / "tour").glob("*.png")}
    assert {"popup.png", "order.png", "unsubscribed.png"} <= pictures
    assert {"admin-home-en.png", "admin-home-zh-CN.png"} <= pictures
