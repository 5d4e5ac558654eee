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
    """One client's connection: its number, and how many mails it handed over."""

    number: int
    mails: int = 0


@dataclass
class ScriptedRelay:
    """`recipients` are those of whole mails that were handed over, taken or not."""

    script: Script
    url: str = ""
    connections: int = 0
    recipients: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client."""
        self.connections += 1
        connection, recipient = Connection(self.connections), ""
        try:
            await self._answer("GREETING", connection, writer)
            while line := await reader.readline():
                word = line.split()[0].upper().decode()
                if word == "RCPT":
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                went_on = await self._answer(word, connection, writer)
                if word == "DATA" and went_on:
                    while await reader.readline() != b".\r\n":
                        pass
                    connection.mails += 1
                    self.recipients.append(recipient)
                    await self._answer("END", connection, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, word: str, connection: Connection, writer: asyncio.StreamWriter
    ) -> bool:
        lines = self.script(word, connection)
        if lines is None:
            writer.write(USUAL.get(word, b"250 OK") + b"\r\n")
            await writer.drain()
            return True
        last = b""
        async for last in lines:
            writer.write(last + b"\r\n")
            await writer.drain()
        return last.startswith(b"354")


async def says(*lines: str, every_s: float = 0.0) -> Lines:
    """Lines of an answer, with a pause before each."""
    for line in lines:
        await asyncio.sleep(every_s)
        yield line.encode()


@contextmanager
def running(script: Script) -> Generator[ScriptedRelay]:
    """A relay on a free port of this machine."""
    relay, loop = ScriptedRelay(script), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(relay.serve, "127.0.0.1", 0))
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
