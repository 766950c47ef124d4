"""Sessions that retry their requests by a policy, and limit the time of each answer."""

import http.client
import io
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from deadline import Deadline, LimitedStream
from genesys.http.retries import DeadlineRetry

# The longest time from the end of a request to the end of its answer. The time limit of the
# requests library applies to each read, so an answer that drips would otherwise never end.
MAX_ANSWER_SECONDS = 30.0


def make_session(retry: DeadlineRetry) -> requests.Session:
    """Return a session that retries its requests by a policy, and follows no redirect."""
    session = SessionWithoutRedirects()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(retry))
    return session


class BearerToken(AuthBase):
    """Sets a request's Authorization header.

    If the header were set without an `AuthBase`, a login from .netrc would replace it.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class SessionWithoutRedirects(requests.Session):
    """A session that follows no redirect."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None; otherwise, even a redirect that is not followed is read as a whole."""
        return None


class _Adapter(HTTPAdapter):
    def __init__(self, retry: DeadlineRetry) -> None:
        self._pool_classes = _make_pool_classes(retry.deadline)
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager


def _make_pool_classes(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of connection pools in which each answer ends by a deadline."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            limit = deadline.within(MAX_ANSWER_SECONDS)
            self.fp = io.BufferedReader(LimitedStream(sock, self.fp, limit))

    class Connection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
