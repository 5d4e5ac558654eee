#!/bin/sh
# dramatiq 2.2.1 with redis 8.1.0: RedisBroker(url=..., socket_timeout=...) drops every option beside
# the url without a word. The broker makes a pool of the url alone and hands it to the client, which
# takes no other option once it has a pool: with a server that stops answering, a process that set a
# timeout waits without end.
#
# Seen: with a url: socket_timeout of the pool's connections is the client's own default, not the 2.5
#       that was asked for; with host and port in place of the url: 2.5.
# What we do: the options are part of the client that we hand to the broker (`client=`).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dramatiq==2.2.1" "redis==8.1.0"
"$folder/venv/bin/python" - <<'PYTHON'
from dramatiq.brokers.redis import RedisBroker

TIMEOUT_S = 2.5


def timeout_of(broker):
    return broker.client.connection_pool.connection_kwargs.get("socket_timeout")


by_url = timeout_of(RedisBroker(url="redis://127.0.0.1:1/0", socket_timeout=TIMEOUT_S))
by_host = timeout_of(RedisBroker(host="127.0.0.1", port=1, socket_timeout=TIMEOUT_S))
print("by url:", by_url, "by host and port:", by_host)
assert by_host == TIMEOUT_S
assert by_url != TIMEOUT_S, "options beside a url are heeded now"
PYTHON
