"""A stand-in for Genesys Cloud with its login, subscriptions, integrations and events.

    with emulator() as aws, GenesysCloud(sqs_sender(aws)) as genesys:
        ...  # deploy with genesys_login_url = genesys_api_url = genesys.url
        genesys.publish(event)

Subscriptions select events by event type and JSONata filter, and send them to the SQS queue of
their destination. Integrations of the type *Amazon EventBridge source* select partner events by
topic, and send them to their partner event source. The analytics have the conversations that
`genesys.analytics.add` gives them.
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

from local.genesys.analytics import DETAILS, Analytics
from local.genesys.conversation_search import QUERY, ConversationSearch
from local.genesys.integrations import INTEGRATIONS, Integrations
from local.genesys.limits import Limits
from local.genesys.login import LOGIN, Login
from local.genesys.problems import CORRELATION, Problem, not_allowed, not_found
from local.genesys.queues import QUEUES, Queues
from local.genesys.subscriptions import SUBSCRIPTIONS, Subscriptions
from local.http.faults import ScriptedService
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
    f"{INTEGRATIONS}/types/[^/]+": {"GET": "type"},
    f"{INTEGRATIONS}/[^/]+": {"GET": "read", "PATCH": "switch", "DELETE": "delete"},
    f"{INTEGRATIONS}/[^/]+/config/current": {"GET": "configuration", "PUT": "configure"},
    DETAILS: {"GET": "details"},
    QUERY: {"POST": "search"},
    QUEUES: {"GET": "queues"},
}
"""The names of operations, by path pattern and method; tests use the names to replace answers."""


class GenesysCloud(Login, Limits, ScriptedService):
    """An org of Genesys Cloud, served on a free loopback port inside a `with` statement.

    Parameters
    ----------
    send
        Sends events to SQS queues; `sqs_sender` makes such a function. None drops the events.
    send_partner_events
        Sends events to partner event sources; `partner_event_sender` makes such a function. None
        drops the events.
    clock
        Returns the present time in epoch seconds.

    Attributes
    ----------
    id
        The org's id.
    subscriptions, integrations
        The org's subscriptions and its integrations, keyed by id.
    analytics
        The org's analytics, which know the conversations that were added to them.
    queues
        The org's queues, keyed by id.
    has_subscription_api
        Whether the org has the subscriptions' API.
    loses
        Returns whether Genesys Cloud loses an event that it should deliver.
    """

    def __init__(
        self,
        send: Send | None = None,
        *,
        send_partner_events: SendPartnerEvents | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        ScriptedService.__init__(self, clock)
        Login.__init__(self)
        Limits.__init__(self)
        self.id = ORG_ID
        self.has_subscription_api = True
        self.loses: Callable[[Mapping[str, Any]], bool] = lambda _: False
        self._subscriptions = Subscriptions(clock)
        self._integrations = Integrations(clock)
        self.analytics = Analytics(clock)
        self.queues = Queues(clock)
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
    def server(self) -> HttpServer:
        """The server of both the login and the API."""
        if not self._server:
            raise RuntimeError("The Genesys Cloud stand-in runs inside a with statement only.")
        return self._server

    @property
    def url(self) -> str:
        """The base URL of both the login and the API."""
        return self.server.url

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
        operation = _operations_at(request.path).get(request.method, "")
        # A PATCH that also writes notes has a name of its own, so that tests can tell it apart.
        return "annotate" if operation == "switch" and b'"notes"' in request.body else operation

    def carry_out(self, operation: str, request: Request) -> Answer:
        with self._lock:
            if self.outage:
                return self.outage
            try:
                answer = self._perform(operation, request)
            except Problem as problem:
                return problem.answer
            return replace(answer, headers={CORRELATION: str(uuid4()), **answer.headers})

    def _perform(self, operation: str, request: Request) -> Answer:
        if operation == "login":
            return self.log_in(request)
        if not request.path.startswith("/api/v2/"):
            raise not_found()
        if limited := self.limit():
            return limited
        granted = self.granted_scopes(request)
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

    def _entities_at(
        self, path: str
    ) -> Subscriptions | Integrations | Queues | Analytics | ConversationSearch | None:
        if path == f"{DETAILS}/":
            return self.analytics
        if path == f"{QUERY}/":
            return self.analytics.search
        if path.startswith(f"{QUEUES}/"):
            return self.queues
        if path.startswith(f"{INTEGRATIONS}/"):
            return self.integrations
        if self.has_subscription_api and path.startswith(f"{SUBSCRIPTIONS}/"):
            return self.subscriptions
        return None

    def publish(self, event: Mapping[str, Any]) -> list[str]:
        """Publish an event; return the ids of the subscriptions that select the event."""
        return self.publish_all([event])[0]

    def publish_all(self, events: Iterable[Mapping[str, Any]]) -> list[list[str]]:
        """Publish events; for each event, return the ids of the subscriptions that select it.

        Each SQS queue gets its events in the order of `events`.
        """
        outgoing: dict[tuple[str, str], list[str]] = defaultdict(list)
        selecting_ids = []
        with self._lock:
            subscriptions = self.subscriptions
            for event in events:
                selecting = [] if self.loses(event) else subscriptions.find_selecting(event)
                body = json.dumps(event, separators=(",", ":")) if selecting else ""
                for one in selecting:
                    queue = one["destination"]["awsSqs"]
                    outgoing[queue["arn"], queue["region"]].append(body)
                selecting_ids.append([one["id"] for one in selecting])
        if self._send:
            for (arn, region), bodies in outgoing.items():
                self._send(arn, region, bodies)
        return selecting_ids

    def event_source(self, suffix: str) -> str:
        """Return the name of the partner event source with a suffix."""
        return f"aws.partner/genesys.com/cloud/{self.id}/{suffix}"

    def publish_partner_events(self, events: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Publish partner events; for each event, return the names of the rules that match it.

        Parameters
        ----------
        events
            Events without `source`, `account` and `region`, which each integration adds.
        """
        with self._lock:
            integrations = self.integrations.active_properties()
        matched: list[list[str]] = [[] for _ in events]
        for properties in integrations:
            topics = set(properties["eventFilter"])
            indexes = [
                index
                for index, event in enumerate(events)
                if event["detail-type"] in topics and not self.loses(event)
            ]
            if not indexes or not self._send_partner_events:
                continue
            source = self.event_source(properties["eventSourceSuffix"])
            account, region = properties["awsAccountId"], properties["awsAccountRegion"]
            fields = {"source": source, "account": account, "region": region}
            selected = [{**events[index], **fields} for index in indexes]
            rule_names = self._send_partner_events(source, account, region, selected)
            for index, names in zip(indexes, rule_names, strict=True):
                matched[index] += names
        return matched


def _operations_at(path: str) -> Mapping[str, str]:
    matching = (one for pattern, one in OPERATIONS.items() if re.fullmatch(pattern, path))
    return next(matching, {})
