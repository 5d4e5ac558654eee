#!/bin/sh
# python-liquid 2.3.6, the filter date: the same moment in two time zones is written in the zone that came
# first. The filter keeps its last ten times in an lru_cache, by equality, and Python's aware datetimes
# are equal when their moments are. A server that renders for a shop in Auckland and then for one in New
# York shows New York the hour of Auckland; alone, or in the other order, both are right.
#
# Seen: Auckland "2026-11-22 01", then New York "2026-11-22 01"; New York's own is "2026-11-21 07".
# What we do: a filter of our own that keeps nothing (plugin/templates/shopify_liquid/dates.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "python-liquid==2.3.6" "tzdata==2026.6"
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from liquid import parse

noon = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
template = parse("{{ at | date: '%Y-%m-%d %H' }}")
seen = {
    zone: template.render(at=noon.astimezone(ZoneInfo(zone)))
    for zone in ("Pacific/Auckland", "America/New_York")
}
print(seen)
assert noon.astimezone(ZoneInfo("America/New_York")).strftime("%Y-%m-%d %H") == "2026-11-21 07"
assert seen["Pacific/Auckland"] == "2026-11-22 01"
assert seen["America/New_York"] == "2026-11-22 01", "each zone has its own hour now"
PYTHON
