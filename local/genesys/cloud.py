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
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from local.genesys.integrations import INTEGRATIONS, SOURCE_TYPE, Feed
from local.genesys.org import LOGIN, READ, WRITE, Org
from local.genesys.subscriptions import SUBSCRIPTIONS, Rule
from local.genesys.wire import Answer, Call, Fault, Problem, Server

if TYPE_CHECKING:
    from local.aws.emulator import Emulator
    from local.aws.partner_events import Deliver

__all__ = [
    "ACCOUNT",
    "INTEGRATIONS",
    "LOGIN",
    "READ",
    "SOURCE_TYPE",
    "SUBSCRIPTIONS",
    "WRITE",
    "GenesysCloud",
    "sqs_sender",
]

ACCOUNT = "765628985471"
"""The AWS account from which Genesys Cloud sends."""
SQS_BATCH = 10
Send = Callable[[str, str, list[str]], None]
"""Sends message bodies to the SQS queue with an ARN, in a region."""

CODES = {
    429: ("too.many.requests.retry.after", "Rate limit exceeded the maximum. Retry later."),
    500: ("internal.server.error", "The request could not be carried out."),
    502: ("bad.gateway", "Bad Gateway"),
    503: ("service.unavailable", "Service Unavailable - The server is temporarily overloaded."),
    504: ("gateway.timeout", "The request timed out."),
}


class GenesysCloud(Org):
    """The stand-in, served on a free loopback port inside a `with` statement.

    Parameters
    ----------
    send
        Delivers events, see `sqs_sender`; None: `publish` only tells who would have got them.
    deliver
        Delivers to partner event sources, see `partner_events.partner_events`; None: what an
        integration sends is gone.
    clock
        Epoch seconds, for the life of tokens and for what takes time.

    Attributes
    ----------
    client_id, client_secret
        What logs in.
    scopes
        What the client may do; a login gets those of them that it asks for.
    expires_in
        Life of new tokens in seconds.
    bad_login_status
        What a wrong client or secret is answered with: 401, or 400.
    activation_seconds, activation_reads
        When a subscription that was made or changed becomes `active` (it is `pending` before):
        after this many seconds and once it was read this often; `math.inf` means never.
        Until then a new one delivers nothing, and one that was changed delivers as before.
    has_subscription_api
        False for an org in which the subscriptions' path is not found.
    id
        The org's.
    integrations
        The org's integrations; they have attributes of their own.
    filter_errors
        How many filter evaluations failed; these count as no match.
    """

    def __init__(
        self,
        send: Send | None = None,
        *,
        deliver: Deliver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.filter_errors = 0
        self._send = send
        self._deliver = deliver
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._server = Server(self.respond)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def _running(self) -> Server:
        if not self._server:
            raise RuntimeError("The Genesys Cloud stand-in runs inside a with statement only.")
        return self._server

    @property
    def url(self) -> str:
        """Base URL of both the login and the API."""
        return self._running.url

    @property
    def calls(self) -> list[Call]:
        """Every request answered so far, the oldest first."""
        return list(self._running.calls)

    @property
    def subscriptions(self) -> list[dict[str, Any]]:
        """Copies of the subscriptions as the API shows them; looking does not count as a read."""
        return [one.entity() for one in self.held()]

    def seed(self, name: str, **fields: Any) -> dict[str, Any]:
        """Put a subscription of somebody else in, active at once; return a copy of it.

        Parameters
        ----------
        fields
            Fields of the API to set in the place of those of a subscription to a foreign queue.
        """
        foreign = {"arn": "arn:aws:sqs:us-east-1:999999999999:foreign", "region": "us-east-1"}
        wanted = {
            "name": name,
            "eventTypes": ["event:conversation:end"],
            "attributeFilter": "queueId = 'foreign'",
            "destination": {"type": "aws_sqs", "awsSqs": foreign},
            **fields,
        }
        one = self.hold(wanted, at_once=True)
        one.settle(self.clock())
        return one.entity()

    def fail(
        self,
        method: str,
        path_prefix: str,
        status: int,
        times: int = 1,
        *,
        retry_after: int | None = None,
        after_effect: bool = False,
    ) -> None:
        """Answer the next requests with an error.

        Parameters
        ----------
        method, path_prefix
            Which requests: `POST`, or `*` for all; and how their path begins.
        times
            How many of them. Faults for the same requests are used up one after the other.
        retry_after
            Seconds, for a `Retry-After` header.
        after_effect
            Carry the request out all the same, so that only its answer is lost.
        """
        code, message = CODES.get(status, ("error", f"HTTP {status}"))
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        answer = Problem(status, code, message, **headers)
        self._fault(Fault(method, path_prefix, times, answer, after_effect=after_effect))

    def drop(
        self, method: str, path_prefix: str, times: int = 1, *, after_effect: bool = False
    ) -> None:
        """Close the connection of the next requests without an answer."""
        self._fault(Fault(method, path_prefix, times, after_effect=after_effect))

    def garble(
        self, method: str, path_prefix: str, times: int = 1, *, after_effect: bool = False
    ) -> None:
        """Answer the next requests with status 200 and a page that is no JSON."""
        page = Answer(200, b"<html>Scheduled maintenance</html>", {"Content-Type": "text/html"})
        self._fault(Fault(method, path_prefix, times, page, after_effect=after_effect))

    def delay(self, seconds: float, method: str, path_prefix: str, times: int = 1) -> None:
        """Carry out the next requests only after a while; other faults may hit them as well."""
        self._fault(Fault(method, path_prefix, times, delay=seconds))

    def recover(self) -> None:
        """Forget the faults that have not happened yet."""
        self._running.faults.clear()

    def _fault(self, fault: Fault) -> None:
        self._running.faults.add(fault)

    def publish(self, event: Mapping[str, Any]) -> list[str]:
        """Give an event to the subscriptions; return the ids of those that it was delivered to."""
        return self.publish_all([event])[0]

    def publish_all(self, events: Iterable[Mapping[str, Any]]) -> list[list[str]]:
        """Publish many events; return for each the ids of the subscriptions that got it.

        Bodies are sent per destination in the order of the events.
        """
        outgoing: dict[tuple[str, str], list[str]] = defaultdict(list)
        receivers = []
        with self.lock:
            rules = [one.live for one in self.held() if one.live]
            for event in events:
                hits = [rule for rule in rules if self._lets_through(rule, event)]
                body = json.dumps(event, separators=(",", ":")) if hits else ""
                for rule in hits:
                    outgoing[rule.arn, rule.region].append(body)
                receivers.append([rule.subscription_id for rule in hits])
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
        with self.lock:
            feeds = [one.live for one in self.integrations.held() if one.live]
        matched: list[list[str]] = [[] for _ in events]
        for feed in feeds:
            places = [n for n, event in enumerate(events) if event["detail-type"] in feed.topics]
            if not places or not self._deliver:
                continue
            batch = [self._addressed(events[n], feed) for n in places]
            source = self.event_source(feed.suffix)
            rules = self._deliver(source, feed.account, feed.region, batch)
            for n, names in zip(places, rules, strict=True):
                matched[n] += names
        return matched

    def _addressed(self, event: Mapping[str, Any], feed: Feed) -> dict[str, Any]:
        return {
            **event,
            "source": self.event_source(feed.suffix),
            "account": feed.account,
            "region": feed.region,
        }

    def _lets_through(self, rule: Rule, event: Mapping[str, Any]) -> bool:
        if event.get("eventType") not in rule.event_types:
            return False
        if not rule.filter:
            return True
        try:
            return rule.filter.evaluate(event.get("attributes")) is True
        except Exception:  # noqa: BLE001 - whatever it raises, the expression is at fault
            self.filter_errors += 1
            return False


def sqs_sender(emulator: Emulator, account: str = ACCOUNT) -> Send:
    """Return a sender to the SQS queues of `emulator` that acts as `account`.

    Queues of other accounts than the emulator's own are foreign: what is sent there is gone.

    Raises
    ------
    botocore.exceptions.ClientError
        By the sender: the queue is not there, or its policy does not admit `account`.
    RuntimeError
        By the sender: the queue refused some of the messages.
    """
    sqs = emulator.client("sqs", account)

    def send(arn: str, region: str, bodies: list[str]) -> None:
        owner, name = arn.split(":")[4:]
        if owner != emulator.account or region != emulator.region:
            return
        for start in range(0, len(bodies), SQS_BATCH):
            answer = sqs.send_message_batch(
                QueueUrl=f"{emulator.endpoint}/{owner}/{name}",
                Entries=[
                    {"Id": str(position), "MessageBody": body}
                    for position, body in enumerate(bodies[start : start + SQS_BATCH])
                ],
            )
            if answer.get("Failed"):
                raise RuntimeError(f"{arn} refused messages: {answer['Failed']}")

    return send
