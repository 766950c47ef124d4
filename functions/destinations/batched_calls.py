"""Sends ends in batches to AWS services that take many entries a call and answer for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ParamValidationError

from aws_calls import CALL_ERRORS, CallError, client_config, code_of
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt

CLIENT_CONFIG = client_config(read_timeout_seconds=3)
# Codes of a call that may have been refused because of one of its entries. Any other code is about
# the whole call: to halve 100 entries down to each of them would make 199 calls in vain.
_ABOUT_AN_ENTRY = {
    "InvalidArgumentException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
}


Send = Callable[[list[Any], Deadline], list[str]]
"""Sends entries and returns a code for each, an empty one where it arrived."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most that a service takes.

    Attributes
    ----------
    entries
        Entries of a call.
    call_bytes, entry_bytes
        Bytes of a call's entries together, and of each.
    overhead
        Bytes of an entry that count besides the end's JSON.
    """

    entries: int
    call_bytes: int
    entry_bytes: int
    overhead: int


@dataclass(frozen=True, slots=True)
class _Entry:
    position: int
    content: Any
    size: int


def send_in_batches(
    ends: Sequence[ConversationEnd],
    deadline: Deadline,
    *,
    limits: BatchLimits,
    entry: Callable[[ConversationEnd, bytes], Any],
    send: Send,
) -> Iterator[Receipt]:
    """Send ends in as few calls as they fit into, and yield the receipts of each call.

    An end that is too large is sent without `raw`; if it is still too large, it is refused.

    Parameters
    ----------
    entry
        Returns the entry for an end and its JSON.
    """
    batch: list[_Entry] = []
    size = 0
    for position, end in enumerate(ends):
        if deadline.passed():
            return
        body, json_size = _fitting_json(end, limits.entry_bytes - limits.overhead)
        if body is None:
            yield Receipt(position, "refused", _too_large(json_size, limits))
            continue
        new = _Entry(position, entry(end, body), json_size + limits.overhead)
        if len(batch) == limits.entries or size + new.size > limits.call_bytes:
            yield from _receipts(batch, send, deadline)
            batch, size = [], 0
        batch.append(new)
        size += new.size
    yield from _receipts(batch, send, deadline)


def _fitting_json(end: ConversationEnd, limit: int) -> tuple[bytes | None, int]:
    """Return an end's JSON, without `raw` if need be, and its size; None if it cannot fit."""
    size = 0
    for raw in (True, False):
        try:
            body = end.as_json(raw=raw)
        except RecursionError:  # read with just enough stack, and written with a little less
            continue
        size = len(body)
        if size <= limit:
            return body, size
    return None, size


def _too_large(json_size: int, limits: BatchLimits) -> str:
    if not json_size:
        return "nested too deeply to be written as JSON"
    size = json_size + limits.overhead
    return f"too large: {size} bytes without `raw`, and at most {limits.entry_bytes} are taken"


def _receipts(batch: Sequence[_Entry], send: Send, deadline: Deadline) -> Iterator[Receipt]:
    """Send a batch and yield its receipts; none if it was not sent in time."""
    if not batch or deadline.passed():
        return
    try:
        codes = send([entry.content for entry in batch], deadline.within(CALL_SECONDS))
    except CALL_ERRORS as error:
        if len(batch) > 1 and _is_about_an_entry(error):
            # An entry that is not taken must not keep the others from arriving.
            middle = len(batch) // 2
            yield from _receipts(batch[:middle], send, deadline)
            yield from _receipts(batch[middle:], send, deadline)
            return
        codes = [code_of(error)] * len(batch)
    if len(codes) != len(batch):
        codes = ["an answer for each was expected"] * len(batch)
    for entry, code in zip(batch, codes, strict=True):
        yield Receipt(entry.position, "failed" if code else "arrived", code)


def _is_about_an_entry(error: CallError) -> bool:
    return isinstance(error, ParamValidationError) or code_of(error) in _ABOUT_AN_ENTRY
