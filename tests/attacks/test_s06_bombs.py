"""S06: bodies that are too large, too slow, not as long as they say, or packed."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plugin.runtime import web
from tests.attacks.server import Server, send, serving
from tests.sizes import PATIENCE
from tests.webhooks.test_shopify import headers, kept
from webhooks import shopify
from webhooks.shopify import MAX_BODY_BYTES

PIECE = 64 * 1024
HUGE = 200 * 1024 * 1024
MAY_GROW_MB = 20.0
PATHS = ["/webhooks/shopify", "/pixel", "/u/a-token", "/settings"]


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """One web process for all."""
    with serving(sqlite_template, tmp_path_factory.mktemp("web")) as found:
        yield found


def head(path: str, *more: str) -> str:
    lines = [f"POST {path} HTTP/1.1", "Host: app.example", "Content-Type: text/plain", *more]
    return "\n".join(lines)


def chunks(size: int, piece: int = PIECE) -> Iterator[bytes]:
    """A chunked body of `size` bytes."""
    for _ in range(size // piece):
        yield f"{piece:x}\r\n".encode() + b"x" * piece + b"\r\n"
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("path", PATHS)
def test_s06_200_mb_in_chunks_are_cut_off_early_and_not_kept_in_memory(server, path):
    before = server.rss_mb()

    answer = send(server.port, head(path, "Transfer-Encoding: chunked"), chunks(HUGE))

    assert answer.status in (413, 401, 404)  # some ask first who it is, or for what
    assert answer.sent < HUGE / 4  # what the two ends of the line hold; the rest was not taken
    assert server.rss_mb() - before < MAY_GROW_MB


def test_s06_many_bombs_at_once_fit_into_memory(server):
    before = server.rss_mb()

    with ThreadPoolExecutor(8) as pool:
        bombs = [
            pool.submit(
                send, server.port, head(PATHS[0], "Transfer-Encoding: chunked"), chunks(HUGE)
            )
            for _ in range(8)
        ]
        answers = [each.result() for each in bombs]

    assert {each.status for each in answers} == {413}
    assert server.rss_mb() - before < 8 * MAX_BODY_BYTES / 1e6 + MAY_GROW_MB


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, 10**12, 10**30])
def test_s06_a_length_beyond_the_limit_is_refused_before_any_of_it_comes(server, length):
    answer = send(server.port, head(PATHS[0], f"Content-Length: {length}"), [])

    assert answer.status in (413, 400)
    assert answer.sent == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "abc", "5, 6"])
def test_s06_a_length_that_is_no_number_is_refused(server, length):
    assert send(server.port, head(PATHS[0], f"Content-Length: {length}"), [b"x"]).status == 400


def test_s06_a_body_longer_than_it_said_ends_where_it_said(server):
    answer = send(server.port, head(PATHS[0], "Content-Length: 5"), [b"x" * 100_000])

    assert answer.status in (401, 400)  # the rest is taken for another request, and is none


def drips(count: int) -> Iterator[bytes]:
    """A byte at a time."""
    for _ in range(count):
        yield b"x"


def test_s06_a_body_that_does_not_come_is_cut_off_within_ten_seconds(server):
    """All of them at once, as it takes a while."""
    lines = {
        "drips": ("Content-Length: 1000", drips(1_000), 0.3),
        "stops": ("Content-Length: 1000", [b"x"], 0.0),
        "never begins": ("Content-Length: 1000", [], 0.0),
    }
    with ThreadPoolExecutor(len(PATHS) * len(lines)) as pool:
        found = {
            (path, name): pool.submit(send, server.port, head(path, length), parts, pause_s=pause_s)
            for path in PATHS
            for name, (length, parts, pause_s) in lines.items()
        }
        answers = {key: each.result() for key, each in found.items()}

    for key, answer in answers.items():
        assert answer.status in (408, 401, 404), key
        assert answer.seconds < 10 * PATIENCE, key
    assert max(web.BODY_TIMEOUT_S, shopify.BODY_TIMEOUT_S) < 10  # what a busy machine adds, aside
    assert all(answers[path, name].status == 408 for path in PATHS[:2] for name in lines)


def test_s06_others_are_served_while_bodies_drip(server):
    with ThreadPoolExecutor(41) as pool:
        slow = [
            pool.submit(
                send, server.port, head("/pixel", "Content-Length: 99"), drips(99), pause_s=0.3
            )
            for _ in range(40)
        ]
        quick = send(server.port, head(PATHS[0], "Content-Length: 1"), [b"x"])
        assert quick.status == 401
        assert quick.seconds < 5 * PATIENCE
        assert {each.result().status for each in slow} == {408}


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, gzip", "GZIP"])
def test_s06_a_packed_body_is_not_unpacked(way_in, encoding):
    given = {**headers(), "Content-Encoding": encoding}

    assert way_in.post("/webhooks/shopify", content=b"\x1f\x8b", headers=given).status_code == 415
    assert kept() == []


def test_s06_a_body_over_the_limit_is_413_and_one_at_the_limit_is_read(way_in):
    over, at = b"x" * (MAX_BODY_BYTES + 1), b"x" * MAX_BODY_BYTES

    assert way_in.post("/webhooks/shopify", content=over, headers=headers(over)).status_code == 413
    assert way_in.post("/webhooks/shopify", content=at, headers=headers(at)).status_code == 200
