"""Traffic: journeys on a bad line, and the same deliveries again from a file."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from devstore.serve import main
from devstore.shop.outbox import signature
from tests.devstore.conftest import ROOT, SECRET

WORDS = ["--manifest", str(ROOT / "manifest.toml"), "--client-secret", SECRET, "--seed", "3"]


def test_a_bad_line_loses_repeats_and_mixes(tmp_path, capsys):
    straight, bad = tmp_path / "straight.jsonl", tmp_path / "bad.jsonl"
    size = ["--rate", "300", "--seconds", "1"]
    main(["traffic", *WORDS, *size, "--out", str(straight)])
    trouble = ["--duplicate", "0.2", "--drop", "0.1", "--shuffle", "--delay", "2"]
    main(["traffic", *WORDS, *size, *trouble, "--out", str(bad)])

    told = [json.loads(line) for line in straight.read_text().splitlines()]
    seen = [json.loads(line) for line in bad.read_text().splitlines()]
    ids = [each["headers"]["X-Shopify-Webhook-Id"] for each in seen]
    assert len(told) == 300
    assert {"carts/create", "checkouts/create", "orders/create"} <= {
        each["headers"]["X-Shopify-Topic"] for each in told
    }
    assert 240 < len(set(ids)) < 300 < len(ids)
    triggered = [each["headers"]["X-Shopify-Triggered-At"] for each in seen]
    assert triggered != sorted(triggered)
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {"written": 300}


@pytest.fixture
def app():
    """An app that accepts deliveries; `app.taken` are their ids."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            good = self.headers["X-Shopify-Hmac-Sha256"] == signature(body, SECRET)
            self.server.taken.append(self.headers["X-Shopify-Webhook-Id"])
            self.send_response(200 if good else 401)
            self.end_headers()

        def log_message(self, *_words):
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    server.taken = []
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_sent_again_just_as_it_was(tmp_path, app, capsys):
    file = tmp_path / "told.jsonl"
    main(["traffic", *WORDS, "--rate", "200", "--seconds", "0.2", "--out", str(file)])
    url = f"http://127.0.0.1:{app.server_port}/webhooks/shopify"

    main(["replay", str(file), "--url", url])
    main(["replay", str(file), "--url", url])

    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"200": 40}
    assert len(app.taken) == 80
    assert len(set(app.taken)) == 40


def test_traffic_goes_straight_to_the_app(app, capsys):
    url = f"http://127.0.0.1:{app.server_port}"
    main(["traffic", *WORDS, "--rate", "100", "--seconds", "0.3", "--app-url", url])

    assert json.loads(capsys.readouterr().out) == {"200": 30}
