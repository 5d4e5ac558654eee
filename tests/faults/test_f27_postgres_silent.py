"""F27: a PostgreSQL that vanishes without notice, or a statement without an end,
blocks no request.
"""

import socket
import threading
import time

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from storage import schema
from storage.engine import db, postgres

WITHIN_S = 10.0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_f27_a_statement_ends_after_a_minute_and_the_work_is_offered_again(database):
    with db.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "1min"
        session.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(OperationalError) as error:
            session.execute(text("SELECT pg_sleep(5)"))
        session.rollback()
    assert isinstance(error.value, db.TRANSIENT)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_f27_a_migration_may_take_its_time(database):
    seen = []
    for line, engine in schema.lines():
        schema._run(
            line,
            engine,
            lambda config: seen.append(
                config.attributes["connection"].scalar(text("SHOW statement_timeout"))
            ),
        )

    assert seen == ["0", "0"]
    with db.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "1min"


def test_f27_a_dead_server_connection_is_given_up_within_ten_seconds():
    """The kernel's own settings of a connection, as libpq was asked to set them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen: dict[str, int] = {}

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1_000)
                line.sendall(b"N")  # no TLS here
                line.recv(10_000)
                time.sleep(0.2)

        server = threading.Thread(target=answer)
        server.start()
        port = listener.getsockname()[1]
        address = f"host=127.0.0.1 port={port} user=x dbname=x"
        pgconn = psycopg.pq.PGconn.connect_start(
            psycopg.conninfo.make_conninfo(address, **postgres.NETWORK).encode()
        )
        while pgconn.status not in (psycopg.pq.ConnStatus.BAD, psycopg.pq.ConnStatus.OK):
            pgconn.connect_poll()
            if pgconn.status == psycopg.pq.ConnStatus.AWAITING_RESPONSE:
                break
            time.sleep(0.01)
        line = socket.socket(fileno=pgconn.socket)
        try:
            for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"):
                seen[name] = line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            alive = line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        finally:
            line.detach()
            pgconn.finish()
            server.join()

    assert alive == 1
    assert seen["TCP_USER_TIMEOUT"] / 1_000 <= WITHIN_S
    assert seen["TCP_KEEPIDLE"] + seen["TCP_KEEPINTVL"] * seen["TCP_KEEPCNT"] <= WITHIN_S
