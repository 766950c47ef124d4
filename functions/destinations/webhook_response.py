"""A response whose head has arrived as a whole, after any interim responses."""

import http.client
import re
from typing import Any

# The base class takes more for a status line, such as one whose status has four digits.
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}[ \r\n]")


class WholeResponse(http.client.HTTPResponse):
    """A response that is none if it breaks off in its head.

    The base class would take the status in the part that has arrived. An end would then count as
    arrived, or as refused for good, by half a line.
    """

    def begin(self) -> None:
        """Read the head.

        Raises
        ------
        http.client.HTTPException
            The head breaks off, or is malformed.
        """
        self.fp: Any
        lines = self.fp = _Lines(self.fp)
        try:
            super().begin()
            # The base class skips only the interim response 100, and would take another one, such
            # as 103, for the response. The response itself would then answer the next request.
            while lines.are_whole and self.status < http.client.OK:
                self.headers = self.msg = None  # type: ignore[assignment]
                super().begin()
        finally:
            self.fp = lines.file
        if not lines.are_whole:
            raise http.client.IncompleteRead(b"")
        if not lines.have_status:
            raise http.client.BadStatusLine("")


class _Lines:
    """The lines of a head; the last one of a whole head is empty."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.are_whole = False
        self.have_status = False

    def readline(self, *size: int) -> bytes:
        line: bytes = self.file.readline(*size)
        self.are_whole = line.endswith(b"\n")
        if line.startswith(b"HTTP/"):  # No header can begin like this.
            self.have_status = _STATUS_LINE.match(line) is not None
        return line

    def close(self) -> None:
        self.file.close()
