"""A retry policy with a deadline, for urllib3."""

import random
from collections.abc import Callable
from typing import Any, Self

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, MaxRetryError, ResponseError
from urllib3.util.retry import Retry

from deadline import Deadline

TRANSIENT_STATUSES = (429, 502, 503, 504)
# The maximum number of attempts if the network keeps failing.
NETWORK_ATTEMPTS = 6


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds in a `Retry-After` header; None if it is missing or invalid."""
    try:
        return Retry().parse_retry_after(header) if header else None
    except (HTTPError, ValueError, OverflowError):
        return None


class DeadlineRetry(Retry):
    """Retries a request with exponential, jittered pauses until a deadline.

    A positive `Retry-After` replaces the pause. If a pause would outlast the deadline, there is no
    retry, and the last response or error is the result.

    Before a retry, urllib3 calls `increment`, and then `sleep` of the returned policy. After the
    pause, the policy calls `before_retry`. If that raises an error, there is no retry.
    """

    def __init__(
        self,
        *args: Any,
        deadline: Deadline,
        before_retry: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        self.deadline = deadline
        self.before_retry = before_retry
        self._pause_seconds = 0.0
        super().__init__(*args, **kwargs)

    @classmethod
    def for_repeatable_requests(cls, deadline: Deadline) -> Self:
        """Return the policy for requests that can be sent twice without harm."""
        return cls(
            deadline=deadline,
            total=None,  # only the deadline limits the retries after a transient status
            connect=NETWORK_ATTEMPTS - 1,
            read=NETWORK_ATTEMPTS - 1,
            other=NETWORK_ATTEMPTS - 1,
            allowed_methods=None,  # every method
            status_forcelist=TRANSIENT_STATUSES,
            raise_on_status=False,  # return the last response
        )

    @classmethod
    def for_single_attempts(cls, deadline: Deadline) -> Self:
        """Return the policy for a caller that itself decides when to try again.

        Only one network failure is retried, because Genesys Cloud may have closed a connection that
        was idle.
        """
        return cls(
            deadline=deadline,
            total=1,
            connect=1,
            read=1,
            other=0,
            allowed_methods=None,
            status_forcelist=(),
            raise_on_status=False,
            respect_retry_after_header=False,
        )

    @classmethod
    def for_creation_requests(
        cls, deadline: Deadline, before_retry: Callable[[], None] = lambda: None
    ) -> Self:
        """Return the policy for requests that create a second resource if they are sent twice.

        They are retried only after 429, which guarantees that they were not carried out.
        """
        return cls(
            deadline=deadline,
            before_retry=before_retry,
            total=None,
            connect=0,
            read=0,
            other=0,
            allowed_methods=None,
            status_forcelist=(429,),
            raise_on_status=False,
        )

    def new(self, **kwargs: Any) -> Self:
        return super().new(deadline=self.deadline, before_retry=self.before_retry, **kwargs)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        next_retry = super().increment(method, url, response, error, _pool, _stacktrace)
        retry_after = self.get_retry_after(response) if response is not None else None
        next_retry._pause_seconds = retry_after or next_retry.get_backoff_time()
        if next_retry._pause_seconds >= self.deadline.left():
            # If there is a response, urllib3 catches this error and returns that response, because
            # of `raise_on_status=False`.
            raise MaxRetryError(_pool, url or "", error or ResponseError("no time is left"))
        if response is not None:
            # urllib3 would read the rest of the body, however long, to use the connection again.
            response.close()
        return next_retry

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        self.deadline.sleep(self._pause_seconds)
        self.before_retry()

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):
            return None

    def get_backoff_time(self) -> float:
        # 1, 2, 4, 8, 16, then 20 s, shortened at random by up to half.
        doublings = min(len(self.history) - 1, 5)
        return min(2.0**doublings, 20.0) * random.uniform(0.5, 1)  # noqa: S311
