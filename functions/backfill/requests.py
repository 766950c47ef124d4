"""Sends the backfill's requests, within the budget that it shares with the worker."""

from collections.abc import Callable
from typing import Protocol

from deadline import Clock, Deadline
from details.request_slots import RequestSlots
from genesys.conversation_search import Page
from genesys.errors import GenesysError

# The backfill sends at most 120 requests a minute, of the 300 that Genesys Cloud allows the OAuth
# client. The worker needs the others for the details of ends.
MIN_INTERVAL_MS = 500
# A request needs at least this much time.
MIN_REQUEST_SECONDS = 3.0
# The pause of all requests after a failure without a `Retry-After`, and the longest one with it.
PAUSE_SECONDS = 5.0
MAX_PAUSE_SECONDS = 300.0
# How often a request is sent if it fails each time.
MAX_ATTEMPTS = 5
_TRANSIENT_STATUSES = (None, 408, 429, 500, 502, 503, 504)


class OutOfTime(Exception):
    """There is no time for another request before the deadline."""


class FetchesPages(Protocol):
    """Fetches a page of the conversations that began in an interval."""

    def __call__(self, begin_ms: int, end_ms: int, page_number: int) -> Page:
        """Return the page; raise `GenesysError` if the request fails."""


class PacedSearch:
    """Fetches pages one after the other, each in a request slot.

    Parameters
    ----------
    fetch
        Fetches a page with one request.
    slots
        The request slots of the OAuth client; None if nobody else sends requests.
    """

    def __init__(self, fetch: FetchesPages, slots: RequestSlots | None, now_ms: Clock) -> None:
        self._fetch = fetch
        self._slots = slots
        self._now_ms = now_ms
        self._next_at_ms = 0

    def fetch(self, begin_ms: int, end_ms: int, page_number: int, deadline: Deadline) -> Page:
        """Return a page; if a failure may be transient, try again after a pause.

        Raises
        ------
        OutOfTime
            The deadline is too near.
        GenesysError
            The request failed, and trying again has not helped.
        ClientError, BotoCoreError, TimeoutError
            The request slots cannot be updated.
        """
        return self._repeat(lambda: self._fetch(begin_ms, end_ms, page_number), deadline)

    def _repeat(self, request: Callable[[], Page], deadline: Deadline) -> Page:
        attempt = 1
        while True:
            self._await_turn(deadline)
            try:
                return request()
            except GenesysError as error:
                if error.status not in _TRANSIENT_STATUSES or attempt == MAX_ATTEMPTS:
                    raise
                seconds = min(error.retry_after_seconds or PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            self._pause(seconds, deadline)
            attempt += 1

    def _await_turn(self, deadline: Deadline) -> None:
        request_deadline = deadline.extended_by(-MIN_REQUEST_SECONDS)
        wait_seconds = (self._next_at_ms - self._now_ms()) / 1000
        if request_deadline.passed():
            raise OutOfTime
        if wait_seconds > 0 and not request_deadline.sleep(wait_seconds):
            raise OutOfTime
        if self._slots and not self._slots.take(request_deadline):
            raise OutOfTime
        self._next_at_ms = self._now_ms() + MIN_INTERVAL_MS

    def _pause(self, seconds: float, deadline: Deadline) -> None:
        self._next_at_ms = self._now_ms() + int(1000 * seconds)
        if self._slots:
            self._slots.pause(seconds, deadline)
