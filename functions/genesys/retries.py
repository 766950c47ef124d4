"""urllib3's `Retry`, held to a deadline."""

import random
from typing import Any, Self

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, MaxRetryError, ResponseError
from urllib3.util.retry import Retry

from deadline import Deadline

TRANSIENT = (429, 502, 503, 504)
# A network that fails at every one of this many tries is not failing for a moment only.
NETWORK_TRIES = 6


class DeadlineRetry(Retry):
    """Repeats a request with exponential, jittered pauses until a deadline.

    An answer's `Retry-After` is waited out to the second, unless it is over already. A pause that
    would end after the deadline is not begun: the last answer, or error, is then the result.
    """

    def __init__(self, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        self.deadline = deadline
        self._pause = 0.0
        super().__init__(*args, **kwargs)

    @classmethod
    def for_repeatable_requests(cls, deadline: Deadline) -> Self:
        """Return the policy of requests that can be sent twice without harm."""
        return cls(
            deadline=deadline,
            total=None,
            connect=NETWORK_TRIES - 1,
            read=NETWORK_TRIES - 1,
            other=NETWORK_TRIES - 1,
            allowed_methods=None,
            status_forcelist=TRANSIENT,
            raise_on_status=False,
        )

    @classmethod
    def for_requests_that_create(cls, deadline: Deadline) -> Self:
        """Return the policy of requests that make a second thing if they are sent twice.

        Only 429 says for certain that the first one was not carried out.
        """
        return cls(
            deadline=deadline,
            total=None,
            connect=0,
            read=0,
            other=0,
            allowed_methods=None,
            status_forcelist=(429,),
            raise_on_status=False,
        )

    def new(self, **kwargs: Any) -> Self:
        return super().new(deadline=self.deadline, **kwargs)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        following = super().increment(method, url, response, error, _pool, _stacktrace)
        asked = self.get_retry_after(response) if response is not None else None
        following._pause = asked or following.get_backoff_time()
        if following._pause >= self.deadline.left():
            raise MaxRetryError(_pool, url or "", error or ResponseError("no time is left"))
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        self.deadline.sleep(self._pause)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):
            return None

    def get_backoff_time(self) -> float:
        return float(min(20.0, 0.5 * 2 ** min(len(self.history), 10)) * random.uniform(0.5, 1))  # noqa: S311
