"""Sends ends to AWS services that accept several entries in a call and report on each entry."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from aws_calls import CALL_ERRORS, CallError, code_of, describe
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt, ReceiptKind
from side_by_side import MAX_AT_ONCE, Runner

READ_TIMEOUT_SECONDS = 3
# botocore gives an error this code if the response has the HTTP status 413 and no body. EventBridge
# responds like this to a request that is far too large.
_TOO_LARGE_STATUS = "413"
# If a call fails with one of these codes, a single entry may be at fault, so the entries are sent
# again in two halves. With every other code, halving would only waste calls.
_ENTRY_ERROR_CODES = {
    _TOO_LARGE_STATUS,
    "InvalidArgumentException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
}
# The code of an entry that is too large, whatever the service's own code for it is.
TOO_LARGE = "TooLarge"
# An entry that fails with one of these codes can never be accepted as it is. `MalformedDetail` is
# EventBridge's code for JSON that it does not accept, such as JSON that is nested too deeply (see
# "PutEventsResultEntry" in the AWS documentation). With the other codes, a retry may succeed: the
# service is overloaded, or an operator can correct the cause, such as a missing permission.
_REFUSAL_CODES = {TOO_LARGE, "MalformedDetail", "RequestEntityTooLargeException"}
_TOO_LARGE_CODES = {TOO_LARGE, "RequestEntityTooLargeException"}
# The services report a size over their limit with codes that also have other meanings. So only the
# text tells that the size is at fault: "Total size of the entries in the request is over the limit"
# (EventBridge), "Records size exceeds 4 MB limit" or "Value at 'records.1.member.data' failed to
# satisfy constraint: Member must have length less than or equal to 1024000" (Firehose).
_TOO_LARGE_TEXT = re.compile(r"\bsize\b.*\blimit\b|member\.data\b.*\blength\b", re.DOTALL)

Sender = Callable[[list[Any], Deadline], list[str]]
"""Sends entries in one call; returns each entry's error code, empty if the entry arrived."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """A service's limits for a call.

    Attributes
    ----------
    service
        The service's name, as `private_network` knows it.
    max_entries
        The maximum number of entries in a call.
    max_call_bytes
        The maximum size of all entries of a call together.
    max_entry_bytes
        The maximum size of one entry.
    overhead_bytes
        The bytes that the service counts for an entry in addition to the end's JSON.
    """

    service: str
    max_entries: int
    max_call_bytes: int
    max_entry_bytes: int
    overhead_bytes: int


class _EndRefused(Exception):
    """An end cannot be sent; the exception's text is the receipt's detail."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An end as the service gets it.

    Attributes
    ----------
    position
        The end's index among the ends to send.
    content
        The entry in the service's own format.
    counted_bytes
        The entry's size as the service counts it.
    has_raw
        Whether the entry contains `raw`.
    """

    position: int
    content: Any
    counted_bytes: int
    has_raw: bool


def send_in_groups(
    ends: Sequence[ConversationEnd],
    deadline: Deadline,
    *,
    limits: CallLimits,
    make_entry: Callable[[ConversationEnd, bytes], Any],
    send: Sender,
    run: Runner,
) -> Iterator[Receipt]:
    """Send ends in as few calls as the limits allow; yield each call's receipts after the call.

    The entries of one call are a group. An end is sent without `raw` if it is too large or nested
    too deeply to be encoded, or if the service says that it is too large. If that is not enough, or
    if the service says that the end is malformed, the end is refused.

    Parameters
    ----------
    make_entry
        Takes an end and its JSON, and returns the entry for the service.
    run
        Runs the calls, up to `MAX_AT_ONCE` together.
    """
    return _Sending(ends, deadline, limits, make_entry, send, run).receipts()


@dataclass(frozen=True, slots=True)
class _Sending:
    """One use of `send_in_groups`, whose arguments are the attributes."""

    ends: Sequence[ConversationEnd]
    deadline: Deadline
    limits: CallLimits
    make_entry: Callable[[ConversationEnd, bytes], Any]
    send: Sender
    run: Runner

    def receipts(self) -> Iterator[Receipt]:
        groups: list[list[_Entry]] = []
        group: list[_Entry] = []
        group_bytes = 0
        for position in range(len(self.ends)):
            if self.deadline.passed():
                # Neither the groups nor the other ends are sent, so none of them gets a receipt.
                return
            try:
                entry = self._make_entry(position, may_have_raw=True)
            except _EndRefused as refusal:
                yield Receipt(position, "refused", str(refusal))
                continue
            is_group_full = (
                len(group) == self.limits.max_entries
                or group_bytes + entry.counted_bytes > self.limits.max_call_bytes
            )
            if is_group_full:
                groups.append(group)
                group, group_bytes = [], 0
                if len(groups) == MAX_AT_ONCE:
                    yield from self._send_groups(groups)
                    groups = []
            group.append(entry)
            group_bytes += entry.counted_bytes
        if group:
            yield from self._send_groups([*groups, group])

    def _send_groups(self, groups: Sequence[Sequence[_Entry]]) -> Iterator[Receipt]:
        """Send groups together, and yield the receipts of each group after its call."""
        calls = [functools.partial(self._send_whole_group, group) for group in groups]
        unanswered = dict(enumerate(groups))
        for group_number, receipts in self.run(calls, self.deadline.within(CALL_SECONDS)):
            del unanswered[group_number]
            yield from receipts
        for group in unanswered.values():
            for entry in group:
                no_answer = describe(TimeoutError(), self.limits.service)
                yield Receipt(entry.position, "failed", no_answer)

    def _send_whole_group(self, group: Sequence[_Entry]) -> list[Receipt]:
        return list(self._send_group(group))

    def _make_entry(self, position: int, *, may_have_raw: bool) -> _Entry:
        """Return an end's entry. Leave `raw` out only if that is necessary.

        Raises
        ------
        _EndRefused
            If the end is too large, or nested too deeply to be encoded, even without `raw`.
        """
        end, limits = self.ends[position], self.limits
        detail = ""  # Each attempt sets this, but only the one without `raw` is reported.
        for has_raw in (True, False) if may_have_raw else (False,):
            try:
                end_json = end.as_json(include_raw=has_raw)
            except RecursionError:  # Encoding needs more stack than decoding, which succeeded.
                detail = "nested too deeply to be written as JSON"
                continue
            size = len(end_json) + limits.overhead_bytes
            if size <= limits.max_entry_bytes:
                return _Entry(position, self.make_entry(end, end_json), size, has_raw)
            detail = f"too large: {size} bytes without `raw`; the limit is {limits.max_entry_bytes}"
        raise _EndRefused(detail)

    def _send_group(self, group: Sequence[_Entry]) -> Iterator[Receipt]:
        """Send a group, and yield a receipt for each entry that is sent before the deadline."""
        if not group or self.deadline.passed():
            return
        try:
            codes = self.send(
                [entry.content for entry in group], self.deadline.within(CALL_SECONDS)
            )
        except CALL_ERRORS as error:
            if len(group) > 1 and _may_concern_one_entry(error):
                # One invalid entry must not stop the other entries.
                middle = len(group) // 2
                yield from self._send_group(group[:middle])
                yield from self._send_group(group[middle:])
                return
            code = TOO_LARGE if _is_too_large(error) else describe(error, self.limits.service)
            codes = [code] * len(group)
        if len(codes) != len(group):
            codes = ["the response does not report on each entry"] * len(group)
        smaller_entries: list[_Entry] = []
        for entry, code in zip(group, codes, strict=True):
            if code in _TOO_LARGE_CODES and entry.has_raw:
                # `raw` is by far the largest part of an end, so the rest may well be accepted.
                smaller_entries.append(self._make_entry(entry.position, may_have_raw=False))
            else:
                yield Receipt(entry.position, _receipt_kind(code), code)
        yield from self._send_group(smaller_entries)


def _receipt_kind(code: str) -> ReceiptKind:
    if code in _REFUSAL_CODES:
        return "refused"
    return "failed" if code else "arrived"


def _may_concern_one_entry(error: CallError) -> bool:
    return code_of(error) in _ENTRY_ERROR_CODES


def _is_too_large(error: CallError) -> bool:
    """Return whether a call with a single entry failed because of the entry's size."""
    code = code_of(error)
    if code in (_TOO_LARGE_STATUS, "RequestEntityTooLargeException"):
        return True
    if not isinstance(error, ClientError) or code not in _ENTRY_ERROR_CODES:
        return False
    text = error.response.get("Error", {}).get("Message", "")
    return bool(_TOO_LARGE_TEXT.search(text))
