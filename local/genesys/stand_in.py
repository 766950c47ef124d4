"""A stand-in for Genesys Cloud: login, event subscriptions, integrations; and its events.

    with emulator() as aws, GenesysCloud(sqs_sender(aws)) as genesys:
        ...  # deploy with genesys_login_url = genesys_api_url = genesys.url
        genesys.publish(event)

Subscriptions are evaluated and delivered to as Genesys Cloud does it: by event type and JSONata
filter, to the SQS queue of the destination. Integrations of the type *Amazon EventBridge source*
send the events of their topics to their partner event source.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from local.genesys.entities import Entity
from local.genesys.integrations import INTEGRATIONS, Integrations
from local.genesys.login import LOGIN, Login
from local.genesys.problems import CORRELATION, Problem, not_allowed, not_found
from local.genesys.subscriptions import SUBSCRIPTIONS, Subscriptions
from local.http.faults import Scripted
from local.http.messages import Answer, Request
from local.http.server import HttpServer

if TYPE_CHECKING:
    from local.aws.partner_events import SendPartnerEvents
    from local.genesys.sqs import Send

ORG_ID = "5d4c3b2a-org"
ORGANIZATION = "/api/v2/organizations/me"
OPERATIONS = {
    LOGIN: {"POST": "login"},
    ORGANIZATION: {"GET": "organization"},
    SUBSCRIPTIONS: {"POST": "create", "GET": "list"},
    f"{SUBSCRIPTIONS}/[^/]+": {"GET": "read", "PUT": "replace", "DELETE": "delete"},
    INTEGRATIONS: {"POST": "create", "GET": "list"},
    f"{INTEGRATIONS}/[^/]+": {"GET": "read", "PATCH": "switch", "DELETE": "delete"},
    f"{INTEGRATIONS}/[^/]+/config/current": {"GET": "configuration", "PUT": "configure"},
}
"""The operations of each path, by method: tests and faults call them by these names."""


class GenesysCloud(Login, Scripted):
    """An org of Genesys Cloud; served on a free loopback port inside a `with` statement.

    Parameters
    ----------
    send
        Delivers events, see `sqs_sender`; None: `publish` only tells who would have got them.
    send_partner_events
        Delivers to partner event sources, see `partner_events.partner_events`; None: what an
        integration sends is gone.
    clock
        Epoch seconds, for the life of tokens and for what takes time.

    Attributes
    ----------
    id
        The org's.
    subscriptions, integrations
        By id; they have attributes of their own.
    has_subscription_api
        False for an org in which the subscriptions' path is not found.
    """

    def __init__(
        self,
        send: Send | None = None,
        *,
        send_partner_events: SendPartnerEvents | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        Scripted.__init__(self, clock)
        Login.__init__(self)
        self.id = ORG_ID
        self.has_subscription_api = True
        self._subscriptions = Subscriptions(clock)
        self._integrations = Integrations(clock)
        self._send = send
        self._send_partner_events = send_partner_events
        self._lock = threading.RLock()
        self._server: HttpServer | None = None

    def __enter__(self) -> Self:
        self._server = HttpServer(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.close()

    @property
    def url(self) -> str:
        """Base URL of both the login and the API."""
        if not self._server:
            raise RuntimeError("The Genesys Cloud stand-in runs inside a with statement only.")
        return self._server.url

    @property
    def subscriptions(self) -> Subscriptions:
        with self._lock:
            self._subscriptions.settle()
        return self._subscriptions

    @property
    def integrations(self) -> Integrations:
        with self._lock:
            self._integrations.settle()
        return self._integrations

    def operation_of(self, request: Request) -> str:
        return _operations_at(request.path).get(request.method, "")

    def carry_out(self, operation: str, request: Request) -> Answer:
        with self._lock:
            try:
                answer = self._carried_out(operation, request)
            except Problem as problem:
                return problem.answer
            return replace(answer, headers={CORRELATION: str(uuid4())})

    def _carried_out(self, operation: str, request: Request) -> Answer:
        if operation == "login":
            return self.log_in(request)
        if not request.path.startswith("/api/v2/"):
            raise not_found()
        granted = self.granted(request)
        if operation == "organization":
            return Answer(200, {"id": self.id, "name": "Example", "state": "active"})
        entities = self._entities_at(f"{request.path}/")
        if entities is not None:
            entities.check(request, granted)
        if not operation:
            raise not_allowed() if _operations_at(request.path) else not_found()
        if entities is None:
            raise not_found()
        return entities.answer(operation, request)

    def _entities_at(self, path: str) -> Subscriptions | Integrations | None:
        if path.startswith(f"{INTEGRATIONS}/"):
            return self.integrations
        has = self.has_subscription_api and path.startswith(f"{SUBSCRIPTIONS}/")
        return self.subscriptions if has else None

    def publish(self, event: Mapping[str, Any]) -> list[str]:
        """Give an event to the subscriptions; return the ids of those that it was delivered to."""
        return self.publish_all([event])[0]

    def publish_all(self, events: Iterable[Mapping[str, Any]]) -> list[list[str]]:
        """Publish many events; return for each the ids of the subscriptions that got it.

        Bodies are sent per destination in the order of the events.
        """
        outgoing: dict[tuple[str, str], list[str]] = defaultdict(list)
        receivers = []
        with self._lock:
            subscriptions = self.subscriptions
            for event in events:
                hits = subscriptions.receivers(event)
                body = json.dumps(event, separators=(",", ":")) if hits else ""
                for one in hits:
                    queue = one["destination"]["awsSqs"]
                    outgoing[queue["arn"], queue["region"]].append(body)
                receivers.append([one["id"] for one in hits])
        if self._send:
            for (arn, region), bodies in outgoing.items():
                self._send(arn, region, bodies)
        return receivers

    def event_source(self, suffix: str) -> str:
        """Return the name of the partner event source that an integration's suffix leads to."""
        return f"aws.partner/genesys.com/cloud/{self.id}/{suffix}"

    def publish_partner_events(self, events: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Give events to the integrations; return for each the names of the rules that it matched.

        Parameters
        ----------
        events
            As EventBridge delivers them, without what depends on where to: `source`, `account` and
            `region`.
        """
        with self._lock:
            feeds = self.integrations.feeds()
        matched: list[list[str]] = [[] for _ in events]
        for feed in feeds:
            topics = set(feed["eventFilter"])
            places = [n for n, event in enumerate(events) if event["detail-type"] in topics]
            if not places or not self._send_partner_events:
                continue
            batch = [self._addressed(events[n], feed) for n in places]
            source, account = self.event_source(feed["eventSourceSuffix"]), feed["awsAccountId"]
            rules = self._send_partner_events(source, account, feed["awsAccountRegion"], batch)
            for n, names in zip(places, rules, strict=True):
                matched[n] += names
        return matched

    def _addressed(self, event: Mapping[str, Any], feed: Entity) -> dict[str, Any]:
        return {
            **event,
            "source": self.event_source(feed["eventSourceSuffix"]),
            "account": feed["awsAccountId"],
            "region": feed["awsAccountRegion"],
        }


def _operations_at(path: str) -> Mapping[str, str]:
    fitting = (one for pattern, one in OPERATIONS.items() if re.fullmatch(pattern, path))
    return next(fitting, {})
