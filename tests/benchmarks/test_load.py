"""The load generator loses nothing: every request that it sends is answered and counted."""

import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import delivery, load


class Counter(BaseHTTPRequestHandler):
    """Answers 200, every tenth time 503, and remembers the ids."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert len(body) == delivery.SIZE
        self.seen.append(self.headers["X-Shopify-Webhook-Id"])
        self.send_response(503 if len(self.seen) % 10 == 0 else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Generator[ThreadingHTTPServer]:
    Counter.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("per_second", [0, 200], ids=["as fast as it may", "by a timetable"])
def test_every_request_is_answered_and_has_an_id_of_its_own(server, per_second):
    result = load.fire(
        server.server_port,
        delivery.signed("a secret"),
        seconds=0.3,
        connections=4,
        per_second=per_second,
    )

    assert result.unanswered == 0
    assert result.answered == len(Counter.seen) == len(set(Counter.seen))
    assert result.statuses.get("503", 0) == len(Counter.seen) // 10
    if per_second:
        assert result.answered == 60
