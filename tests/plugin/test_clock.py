"""What time it is where a shop or a shopper is."""

import json
import zoneinfo
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from plugin import clock

LOCAL_TIMES = json.loads(Path(__file__).with_name("local_times.json").read_text())


@pytest.mark.parametrize("each", LOCAL_TIMES, ids=lambda each: f"{each['zone']}-{each['instant']}")
def test_a_moment_is_told_in_the_time_of_its_zone(each):
    local = datetime.fromisoformat(each["instant"]).astimezone(zoneinfo.ZoneInfo(each["zone"]))

    assert local.strftime("%a %Y-%m-%d %H:%M:%S %z") == each["local"]


def test_zones_are_those_of_the_locked_release_and_not_of_the_machine():
    assert clock.now().tzinfo is not None
    assert zoneinfo.TZPATH == ()
    assert tuple(int(part) for part in version("tzdata").split(".")) >= (2026, 6)
