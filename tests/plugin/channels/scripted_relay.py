"""A mail relay that answers each command as a test says, and as slowly."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

Lines = AsyncGenerator[bytes]
# Which lines answer a command of a connection, by its first word: GREETING, EHLO, MAIL, RCPT, DATA,
# END (of a mail), RSET, QUIT. None answers as a relay that takes everything.
Script = Callable[[str, "Connection"], Lines | None]
USUAL = {
    "GREETING": b"220 relay.example", "EHLO": b"250 relay.example", "DATA": b"354 go on",
    "QUIT": b"221 bye",
}  # fmt: skip


@dataclass
class Connection:
    """One client's connection: its number, the mails it handed over, the next one's recipient."""

    number: int
    mails: int = 0
    recipient: str = ""


@dataclass
class ScriptedRelay:
    """`recipients` are those of whole mails that were handed over, taken or not; `taken` are the
    Message-IDs of those that it did not refuse, so that it may deliver them.
    """

    script: Script
    url: str = ""
    connections: int = 0
    recipients: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client."""
        self.connections += 1
        connection = Connection(self.connections)
        try:
            await self._answer("GREETING", connection, writer)
            while line := await reader.readline():
                word = line.split()[0].upper().decode("latin-1") if line.split() else ""
                if word == "RCPT":
                    connection.recipient = line.decode().partition("<")[2].partition(">")[0]
                answer = await self._answer(word, connection, writer)
                if word == "DATA" and answer.startswith(b"354"):
                    await self._take(reader, connection, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _take(
        self, reader: asyncio.StreamReader, connection: Connection, writer: asyncio.StreamWriter
    ) -> None:
        message_id = ""
        while (line := await reader.readline()) not in (b".\r\n", b""):
            if line.startswith(b"Message-ID:"):
                message_id = line.split()[1].decode()
        if not line:
            return
        connection.mails += 1
        self.recipients.append(connection.recipient)
        self.taken.append(message_id)
        if (await self._answer("END", connection, writer))[:1] in (b"4", b"5"):
            self.taken.remove(message_id)

    async def _answer(
        self, word: str, connection: Connection, writer: asyncio.StreamWriter
    ) -> bytes:
        lines, last = self.script(word, connection), b""
        if lines is None:
            lines = says(USUAL.get(word, b"250 OK").decode())
        async for last in lines:
            writer.write(last + b"\r\n")
            await writer.drain()
        return last


async def says(*lines: str, every_s: float = 0.0) -> Lines:
    """Lines of an answer, with a pause before each."""
    for line in lines:
        await asyncio.sleep(every_s)
        yield line.encode()


async def hangs_up() -> Lines:
    """No answer: the connection ends."""
    raise ConnectionAbortedError
    yield b""


async def is_silent() -> Lines:
    """No answer, for hours."""
    await asyncio.sleep(24 * 3_600)
    yield b""


@contextmanager
def running(script: Script, port: int = 0) -> Generator[ScriptedRelay]:
    """A relay on a port of this machine, a free one if it is 0."""
    relay, loop = ScriptedRelay(script), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(relay.serve, "127.0.0.1", port))
    relay.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
