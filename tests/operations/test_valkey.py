"""Our own Valkey: one on each folder, kept data, no port, and none left behind."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import redis

from plugin.errors import RegularsError
from plugin.runtime import data_folder, valkey
from tests.operations.processes import alive, until
from tests.sizes import PATIENCE


@contextmanager
def server(data_dir):
    """A server on a folder that this process has taken."""
    lock = valkey.claim_server(data_dir)
    process = subprocess.Popen(valkey.server_command(data_dir), pass_fds=(lock,))
    os.close(lock)  # from here on the server holds it
    try:
        until(lambda: valkey.is_answering(data_dir), "the server answers", 10)
        yield process
    finally:
        process.terminate()
        process.wait(10 * PATIENCE)


def client(data_dir):
    """A client of the server."""
    return redis.Redis(unix_socket_path=str(valkey.socket_path(data_dir)))


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def in_another_process(code, data_dir):
    """What a process of its own says to some code about the folder."""
    imports = "import sys, time, pathlib; from plugin.runtime import data_folder, valkey; "
    head = imports + "d = pathlib.Path(sys.argv[1]); "
    return [sys.executable, "-c", head + code, str(data_dir)]


def test_what_is_queued_outlives_the_server(data_dir):
    for before in (0, 1, 2):
        start = """
import subprocess
lock = valkey.claim_server(d)
server = subprocess.Popen(valkey.server_command(d), pass_fds=(lock,))
while not valkey.is_answering(d): time.sleep(.02)
import redis
r = redis.Redis(unix_socket_path=str(valkey.socket_path(d)))
print(r.llen('queue'), flush=True)
r.rpush('queue', 'x')
server.terminate()
server.wait()
"""
        said = subprocess.run(
            in_another_process(start, data_dir), capture_output=True, text=True, check=True
        )
        assert said.stdout.split()[-1] == str(before)


def test_two_never_run_on_one_folder(data_dir):
    held = in_another_process(
        "data_folder.claim_folder(d); print('mine', flush=True); time.sleep(60)", data_dir
    )
    with subprocess.Popen(held, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(RegularsError, match=f"already running .*process {other.pid}"):
            data_folder.claim_folder(data_dir)
        other.kill()


def test_a_server_left_behind_is_told_to_stop(data_dir):
    leave = """
import os, subprocess
lock = valkey.claim_server(d)
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
server = subprocess.Popen(valkey.server_command(d), pass_fds=(lock,), **quiet)
while not valkey.is_answering(d): time.sleep(.02)
print(server.pid, flush=True)
os._exit(0)
"""
    said = subprocess.run(
        in_another_process(leave, data_dir), capture_output=True, text=True, check=True
    )
    left = int(said.stdout.split()[-1])
    assert alive(left)

    started = time.monotonic()
    os.close(valkey.claim_server(data_dir))

    assert time.monotonic() - started < 5 * PATIENCE
    assert not alive(left)


def test_the_server_opens_no_port_and_its_socket_is_private(data_dir):
    with server(data_dir):
        asked = client(data_dir)
        port = asked.config_get("port")["port"]
        asked.close()
        assert port == "0"
        assert valkey.socket_path(data_dir).stat().st_mode & 0o077 == 0
        assert valkey.server_folder(data_dir).stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_a_socket_is_got_around(tmp_path):
    deep = tmp_path / ("a" * 60) / ("b" * 60)

    assert len(str(valkey.socket_path(deep))) <= valkey.MAX_SOCKET_PATH_BYTES
    assert valkey.socket_path(deep) != valkey.socket_path(tmp_path / ("a" * 61) / ("b" * 60))
    with server(deep):
        assert valkey.is_answering(deep)
