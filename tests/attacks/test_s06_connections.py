"""S06: connections that send nothing, or a header now and then, and more than there are files."""

import asyncio
import socket
import threading
import time
from collections.abc import Generator, Sequence

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from plugin import client_networks
from plugin.runtime import connections
from plugin.runtime.connections import LimitedProtocol
from plugin.settings import get_settings
from tests.sizes import PATIENCE

HEAD_S, ANSWERS_AFTER_S = 0.5, 1.5
HEAD = b"GET / HTTP/1.1\r\nHost: app.example\r\n"


class Hasty(LimitedProtocol):
    """With limits that a test can wait for."""

    head_timeout_s = HEAD_S
    most = 20
    most_of_address = 5


async def answer(request: Request) -> PlainTextResponse:
    await asyncio.sleep(ANSWERS_AFTER_S if "slow" in request.query_params else 0)
    return PlainTextResponse("hello")


@pytest.fixture
def port() -> Generator[int]:
    app = Starlette(routes=[Route("/", answer)])
    config = uvicorn.Config(app, http=Hasty, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    line.settimeout(10 * PATIENCE)
    return line


def closes_after(line: socket.socket, words: Sequence[bytes]) -> float:
    """Send words, one each tenth of a second, until the other end closes; how long that took."""
    began = time.monotonic()
    try:
        for word in words:
            line.settimeout(0.1)
            line.sendall(word)
            try:
                if not line.recv(1_000):
                    break
            except TimeoutError:
                continue
    except ConnectionError:
        pass
    return time.monotonic() - began


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([b""] * 300, id="nothing"),
        pytest.param([b"GET / HT", *[b""] * 300], id="half a line"),
        pytest.param([HEAD, *[b""] * 300], id="a head without its end"),
        pytest.param([HEAD, *[b"x: y\r\n"] * 300], id="a header now and then"),
    ],
)
def test_s06_a_connection_without_a_whole_head_is_closed(port: int, words: list[bytes]):
    with connect(port) as line:
        took = closes_after(line, words)

    assert HEAD_S * 0.9 < took < 5 * PATIENCE


def test_s06_a_second_head_on_a_kept_connection_is_as_bound(port: int):
    with connect(port) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(1_000).startswith(b"HTTP/1.1 200")
        assert closes_after(line, [HEAD, *[b"x: y\r\n"] * 300]) < 5 * PATIENCE


def test_s06_an_answer_may_take_longer_than_its_head_may(port: int):
    with connect(port) as line:
        line.sendall(HEAD.replace(b"/ ", b"/?slow=1 ", 1) + b"\r\n")
        assert line.recv(1_000).startswith(b"HTTP/1.1 200")


def test_s06_connections_end_below_the_limit_of_files(port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Hasty, "head_timeout_s", 60.0)
    held = [connect(port) for _ in range(Hasty.most)]
    time.sleep(0.2)
    with connect(port) as line:
        assert line.recv(1_000).startswith(b"HTTP/1.1 503")
    held.pop().close()
    time.sleep(0.2)
    with connect(port) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(1_000).startswith(b"HTTP/1.1 200")
    for line in held:
        line.close()


@pytest.fixture
def of_strangers(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Trust a proxy at 127.0.0.3 alone: the other addresses of loopback are as any visitor's."""
    monkeypatch.setenv("REGULARS_TRUSTED_PROXIES", "127.0.0.3")
    get_settings.cache_clear()
    client_networks.is_trusted.cache_clear()
    yield
    get_settings.cache_clear()
    client_networks.is_trusted.cache_clear()


def status(line: socket.socket) -> bytes:
    line.sendall(HEAD + b"\r\n")
    return line.recv(1_000)[9:12]


def test_s06_a_neighbour_with_many_silent_connections_leaves_others_theirs(
    of_strangers: None, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hasty, "head_timeout_s", 60.0)
    silent = [connect(port, "127.0.0.2") for _ in range(30)]
    time.sleep(0.2)

    refused = [line for line in silent if closes_after(line, [b""]) < 0.09]
    assert len(refused) == 30 - Hasty.most_of_address
    with connect(port) as line:
        assert status(line) == b"200"
    for line in silent:
        line.close()
    time.sleep(0.2)
    with connect(port, "127.0.0.2") as line:
        assert status(line) == b"200"
    time.sleep(0.2)
    assert not Hasty.held


def test_s06_a_trusted_proxy_holds_as_many_connections_as_there_are(
    of_strangers: None, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hasty, "head_timeout_s", 60.0)
    held = [connect(port, "127.0.0.3") for _ in range(Hasty.most)]
    assert status(held[-1]) == b"200"
    for line in held:
        line.close()


def test_s06_connections_are_counted_by_household() -> None:
    of = connections._network_of
    assert of("2001:db8::1") == of("2001:db8::2:3") != of("2001:db8:0:1::1")
    assert of("::ffff:192.0.2.9") == of("192.0.2.9") != of("192.0.2.8")
    assert of("127.0.0.1") == of("") == ""


def test_s06_the_limits_of_the_web_itself(monkeypatch: pytest.MonkeyPatch):
    assert connections.HEAD_TIMEOUT_S <= 10
    for soft, most in ((1_024, 824), (256, 128), (65_536, 65_336)):
        monkeypatch.setattr(connections.resource, "getrlimit", lambda _, n=soft: (n, n))
        assert connections.max_connections() == most
