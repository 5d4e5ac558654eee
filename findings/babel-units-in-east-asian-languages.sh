#!/bin/sh
# Babel 2.18.0, babel.units.format_unit: durations in Chinese, Japanese, Korean, Vietnamese and Thai
# come out as the internal name of the unit ("2 duration-day") in place of a word, without an error.
# Languages with one plural form lack the long and short patterns of most units in Babel's data, though
# CLDR has them; format_timedelta of the same release knows the words.
#
# Seen: zh "2 duration-day", ja "2 duration-hour", ko "2 duration-minute"; en "2 days";
#       format_timedelta zh "2天".
# What we do: durations are counted sentences of our own catalogue (ngettext), never format_unit.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "babel==2.18.0"
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import timedelta

from babel.dates import format_timedelta
from babel.units import format_unit

seen = {
    (language, unit): format_unit(2, unit, "long", locale=language)
    for language in ("zh", "ja", "ko", "vi")
    for unit in ("duration-minute", "duration-hour", "duration-day")
}
for (language, unit), text in seen.items():
    print(language, repr(text))
    assert text == f"2 {unit}", "Babel has the pattern now"
print("en", repr(format_unit(2, "duration-day", "long", locale="en")))
assert format_unit(2, "duration-day", "long", locale="en") == "2 days"
print("zh, format_timedelta", repr(format_timedelta(timedelta(days=2), threshold=1, locale="zh")))
assert format_timedelta(timedelta(days=2), threshold=1, locale="zh") == "2天"
PYTHON
