#!/bin/sh
# python-liquid 2.3.6, the tags for and tablerow: `limit: 0` shows the whole list, not nothing. The end
# is reckoned as `stop or length`, and a stop of zero counts as none; with an offset it is as one expects.
# Liquid's reference (Ruby) and liquidjs show nothing. A template that computes how many items are left
# to show ({% for line in lines limit: left %}) shows all of them when there are none.
#
# Seen: limit 1 "a", limit 0 "abc", limit 0 with offset 1 "".
# What we do: loops of our own (plugin/templates/shopify_liquid/tags.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "python-liquid==2.3.6"
"$folder/venv/bin/python" - <<'PYTHON'
from liquid import parse


def shown(options: str) -> str:
    return parse("{% for i in x " + options + " %}{{ i }}{% endfor %}").render(x=["a", "b", "c"])


for options in ("limit: 1", "limit: 0", "limit: 0 offset: 1"):
    print(options, repr(shown(options)))
assert shown("limit: 1") == "a"
assert shown("limit: 0") == "abc", "a limit of zero is zero now"
assert shown("limit: 0 offset: 1") == ""
PYTHON
