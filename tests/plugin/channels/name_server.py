"""A name server on loopback that knows the TXT records it is given, and no others."""

import socket
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """Answers one question after the other; `records` may change between them."""

    def __init__(self, records: Mapping[str, Sequence[str]]) -> None:
        self.records = dict(records)
        self.asked: list[str] = []
        self.is_silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())

    def answer(self) -> None:
        """Answer until the socket is shut."""
        while True:
            wire, client = self._socket.recvfrom(65_535)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            name = query.question[0].name.to_text(omit_final_dot=True)
            self.asked.append(name)
            if not self.is_silent:
                self._socket.sendto(self._reply(query, name).to_wire(), client)

    def _reply(self, query: dns.message.Message, name: str) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if texts := self.records.get(name):
            lines = [" ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
                     for text in texts]  # fmt: skip
            reply.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "TXT", lines))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def stop(self) -> None:
        """Wake the thread with an empty packet, which ends it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())


@contextmanager
def serving(records: Mapping[str, Sequence[str]]) -> Generator[NameServer]:
    """Serve records while the block runs."""
    server = NameServer(records)
    thread = threading.Thread(target=server.answer)
    thread.start()
    yield server
    server.stop()
    thread.join()
    server._socket.close()
