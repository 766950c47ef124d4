"""The stand-in's limits: a rate limit for its API, and outages."""

import math
from collections import deque
from collections.abc import Callable

from local.genesys.problems import problem, too_many_requests
from local.http.messages import Answer

PER_MINUTE = 300
"""The most requests a minute that Genesys Cloud permits to a client."""
MINUTE = 60.0
DOWN = problem(503, "Service unavailable.", "service.unavailable")
"""An answer of an API that is down."""


class Limits:
    """The limits of an org.

    Attributes
    ----------
    rate_limit
        The most requests in any 60 seconds, the login excluded; None for no limit. A request above
        the limit is answered with 429 and does not count.
    outage
        The answer to every request, such as `DOWN`, or one that is lost or hangs; None if there is
        no outage.
    """

    clock: Callable[[], float]

    def __init__(self) -> None:
        self.rate_limit: int | None = None
        self.outage: Answer | None = None
        self._permitted: deque[float] = deque()

    def limit(self) -> Answer | None:
        """Return the answer to a request above the rate limit; else None, and the request counts.

        Its `Retry-After` is the time until the limit permits a request.
        """
        if self.rate_limit is None:
            return None
        now = self.clock()
        while self._permitted and self._permitted[0] <= now - MINUTE:
            self._permitted.popleft()
        if len(self._permitted) < self.rate_limit:
            self._permitted.append(now)
            return None
        oldest = self._permitted[0] if self._permitted else now
        return too_many_requests(max(1, math.ceil(oldest + MINUTE - now)))
