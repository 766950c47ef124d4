"""A webhook's receiver on loopback, which answers with the bytes that it is given."""

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Script:
    """An answer in pieces, and whether the connection then stays open."""

    pieces: Sequence[bytes] = (_NO_CONTENT,)
    stays_open: bool = True


class WebhookServer:
    """A receiver that gives one answer to each request.

    Attributes
    ----------
    received
        The head and the body of each request.
    scripts
        The answers to the next requests; further requests are answered with 204.
    """

    def __init__(self) -> None:
        self.received: list[tuple[bytes, bytes]] = []
        self.scripts: list[Script] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/ends"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as file, suppress(OSError):
            while head := file.readline():
                length = 0
                while (line := file.readline()) not in (b"\r\n", b""):
                    head += line
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                self.received.append((head, file.read(length)))
                script = self.scripts.pop(0) if self.scripts else Script()
                for piece in script.pieces:
                    connection.sendall(piece)
                if not script.stays_open:
                    return
