"""Searches a window for ends that the ledger does not have, and sends them to the intake queue."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from backfill.expected_ends import ExpectedEnd, find_expected_ends
from backfill.known_ends import ReadsEnds, find_missing, read_spans
from backfill.requests import OutOfTime
from backfill.windows import Position, Window, first_position, next_interval
from conversations.end import ConversationEnd
from conversations.fields import format_utc, from_epoch_ms, to_epoch_ms
from deadline import Deadline
from details.models import CONVERSATION_ID, Conversation, parse_conversation
from genesys.conversation_search import MAX_PAGES, MAX_RESULTS, Page
from genesys.errors import AnswerTooLong, GenesysError
from intake.delayed_ends import make_delayed_body

# A page needs about this much time after its request: for the ledger, the queue and the cursor.
MIN_PAGE_SECONDS = 5.0
# A queue that refuses messages this often in a row is given up for now.
MAX_SENDS = 3
TOO_MANY = "More conversations began in a short time than Genesys Cloud shows."
TOO_LONG = "A page of conversations is longer than the backfill reads. Its ends are not looked for."
UNREADABLE = "Genesys Cloud returned conversations in another form than its API reference says."
NO_TIME = "No time was left."
_MANY = MAX_RESULTS + 1

Send = Callable[[Sequence[str], Deadline], Sequence[bool]]
"""Sends message bodies to the intake queue; returns for each whether SQS has confirmed it."""


class SendFailed(Exception):
    """The intake queue has not confirmed every message."""


class FetchesPacedPages(Protocol):
    """Fetches pages of a search, as `backfill.requests.PacedSearch` does."""

    def fetch(self, begin_ms: int, end_ms: int, page_number: int, deadline: Deadline) -> Page:
        """Return a page; raise `OutOfTime` if the deadline is too near."""


@dataclass(slots=True)
class Findings:
    """The results of a search so far.

    Attributes
    ----------
    pages, conversations, ends
        How many pages were read; how many conversations they had; and how many ends these have in
        the window.
    missing
        The ends that the ledger does not have.
    sent
        How many of them have been sent to the intake queue.
    problems
        Why the search has not found everything, each reason once.
    is_finished
        Whether the whole window has been read.
    """

    pages: int = 0
    conversations: int = 0
    ends: int = 0
    missing: list[ExpectedEnd] = field(default_factory=list)
    sent: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    is_finished: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the search has found everything that analytics have in the window."""
        return self.is_finished and not self.problems


@dataclass(frozen=True, slots=True)
class Backfill:
    """Finds missing ends.

    Parameters
    ----------
    search
        Fetches pages of conversations from analytics.
    ledger
        Reads the ledger.
    rule
        `backfill.expected_ends.CONVERSATION` or the name of an end rule.
    queue_ids
        The ids of our queues.
    send
        Sends bodies to the intake queue; None if missing ends are only to be counted.
    """

    search: FetchesPacedPages
    ledger: ReadsEnds
    rule: str
    queue_ids: Sequence[str]
    send: Send | None = None

    @property
    def searched_for(self) -> int:
        """A number that stands for the end rule and the queues: another one if they change."""
        text = " ".join([self.rule, *sorted(self.queue_ids)])
        return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)

    def run(
        self,
        window: Window,
        deadline: Deadline,
        *,
        start: Position | None = None,
        findings: Findings | None = None,
        on_page: Callable[[Findings, Position | None], None] = lambda *_: None,
    ) -> Findings:
        """Search a window until the deadline; return the results.

        Parameters
        ----------
        start
            The page to begin with; None for the first one.
        findings
            The object that gets the results, for a caller that needs them after an error, too.
        on_page
            Called after each page whose missing ends have been sent, with the results so far and
            the position of the next page; None after the last one. If the run breaks off, a later
            run can begin there.

        Raises
        ------
        GenesysError, CredentialsError
            Genesys Cloud refuses the search, or fails.
        LedgerUnreadable
            The ledger could not be read. Ends of the page may be missing or not.
        SendFailed
            The intake queue has not confirmed every message.
        ClientError, BotoCoreError, TimeoutError
            The request slots cannot be updated.
        """
        findings = findings or Findings()
        seen_ids: set[str] = set()
        position = start or first_position(window)
        while position is not None:
            try:
                position = self._run_page(window, position, findings, seen_ids, deadline)
            except OutOfTime:
                findings.problems[NO_TIME] = None
                return findings
            on_page(findings, position)
        findings.is_finished = True
        return findings

    def _run_page(
        self,
        window: Window,
        position: Position,
        findings: Findings,
        seen_ids: set[str],
        deadline: Deadline,
    ) -> Position | None:
        """Search a page, send its missing ends, and return the position of the next page."""
        try:
            page = self._fetch(position, deadline.extended_by(-MIN_PAGE_SECONDS))
        except AnswerTooLong:
            findings.problems[TOO_LONG] = None
            return position.next_page()
        hits = _MANY if page is None else page.total_hits or 0
        if hits > MAX_RESULTS:
            if not position.is_final:
                return position.divided(hits, window)
            findings.problems[TOO_MANY] = None
        if page is None or not page.conversations:
            return next_interval(position, window)
        findings.pages += 1
        conversations = _parse_new(page.conversations, seen_ids, findings)
        missing = self._find_missing(conversations, window, findings, deadline)
        # They are missing even if the intake queue does not take them now.
        findings.missing += missing
        if self.send and missing:
            self._send_all(self.send, missing, deadline)
            findings.sent += len(missing)
        if position.page >= MAX_PAGES and page.total_hits is not None:
            return next_interval(position, window)
        # If the number of conversations is unknown, Genesys Cloud refuses the page after the last
        # one that it shows.
        return position.next_page()

    def _fetch(self, position: Position, deadline: Deadline) -> Page | None:
        """Return a page; None if it lies beyond the results that Genesys Cloud shows."""
        begin_ms, end_ms, number = position.begin_ms, position.end_ms, position.page
        if number > MAX_PAGES:
            return None
        try:
            return self.search.fetch(begin_ms, end_ms, number, deadline)
        except GenesysError as error:
            if error.status == 400 and "pagination" in error.message.lower():
                return None
            raise

    def _find_missing(
        self,
        conversations: Iterable[Conversation],
        window: Window,
        findings: Findings,
        deadline: Deadline,
    ) -> list[ExpectedEnd]:
        candidates: list[tuple[list[ExpectedEnd], list[ExpectedEnd]]] = []
        for conversation in conversations:
            over_at = conversation.conversation_end
            if over_at and to_epoch_ms(over_at) < window.since_ms:
                continue  # most conversations ended before the window
            all_ends = find_expected_ends(conversation, self.rule, self.queue_ids)
            ends = [e for e in all_ends if window.has(e.ended_at_ms, e.conversation_start_ms)]
            if ends:
                candidates.append((all_ends, ends))
        findings.ends += sum(len(ends) for _, ends in candidates)
        spans = read_spans(
            self.ledger, (end for all_ends, _ in candidates for end in all_ends), deadline
        )
        missing: list[ExpectedEnd] = []
        for all_ends, ends in candidates:
            unknown = find_missing(all_ends, spans.get(all_ends[0].conversation_id, {}))
            missing += [end for end in ends if end in unknown]
        return missing

    def _send_all(self, send: Send, ends: Sequence[ExpectedEnd], deadline: Deadline) -> None:
        """Send ends until the intake queue has confirmed each; give up after some attempts."""
        bodies = [make_body(end) for end in ends]
        for _ in range(MAX_SENDS):
            flags = send(bodies, deadline)
            bodies = [body for body, sent in zip(bodies, flags, strict=True) if not sent]
            if not bodies:
                return
        raise SendFailed(f"The intake queue has not confirmed {len(bodies)} messages.")


def make_body(end: ExpectedEnd) -> str:
    """Return the body of the message that brings a missing end to the worker."""
    body = make_delayed_body(
        ConversationEnd(
            conversation_id=end.conversation_id,
            queue_id=end.queue_id,
            queue_name=None,  # The worker knows it.
            ended_at=format_utc(from_epoch_ms(end.ended_at_ms)),
            media_type=end.media_type,
            direction=end.direction,
            disconnect_type=end.disconnect_type,
            participants=[],
            metrics=[],
            source="backfill",
            sequence=1,  # The ledger determines the right sequence and id.
            end_id="",
            details="none",
            conversation_start=None,
            raw={
                "conversationId": end.conversation_id,
                "conversationStart": _format(end.conversation_start_ms),
                "conversationEnd": _format(end.conversation_end_ms),
                "queueId": end.queue_id,
            },
        ),
        end.ended_at_ms,
        has_own_time=True,
        details_attempts=0,
    )
    if body is None:
        raise RecursionError  # cannot happen: `raw` is flat
    return body


def _format(at_ms: int | None) -> str | None:
    try:
        return None if at_ms is None else format_utc(from_epoch_ms(at_ms))
    except OverflowError:
        return None  # In UTC, the year is 0 or 10000.


def _parse_new(
    conversations: Iterable[Mapping[str, Any]], seen_ids: set[str], findings: Findings
) -> list[Conversation]:
    """Return the conversations that no earlier page had, and remember their ids."""
    parsed: list[Conversation] = []
    for json in conversations:
        conversation = parse_conversation(json)
        if conversation is None or not CONVERSATION_ID.fullmatch(conversation.conversation_id):
            findings.problems[UNREADABLE] = None
        elif conversation.conversation_id not in seen_ids:
            seen_ids.add(conversation.conversation_id)
            parsed.append(conversation)
    findings.conversations += len(parsed)
    return parsed
