"""The stand-in's event subscriptions: their API, and the selection of their events.

Source: the Genesys tutorial on event subscriptions. Operations that the tutorial does not mention
follow the conventions of REST.
"""

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from jsonata import Jsonata
from msgspec import Meta

from local.genesys.entities import Entities, Entity, decode_body
from local.genesys.login import READ, WRITE
from local.genesys.problems import Problem, bad_request
from local.http.messages import Answer, Request

SUBSCRIPTIONS = "/api/v2/events/subscriptions"
SCOPES = {"GET": READ, "POST": WRITE, "PUT": WRITE, "PATCH": WRITE, "DELETE": WRITE}
SQS_ARN = r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$"
FOREIGN_ARN = "arn:aws:sqs:us-east-1:999999999999:foreign"


class _Queue(msgspec.Struct):
    arn: Annotated[str, Meta(pattern=SQS_ARN)]
    region: str


class _Destination(msgspec.Struct, rename="camel"):
    type: Literal["aws_sqs"]
    aws_sqs: _Queue


class _Subscription(msgspec.Struct, rename="camel"):
    name: Annotated[str, Meta(pattern=r"\S")]
    event_types: Annotated[list[str], Meta(min_length=1)]
    destination: _Destination
    description: str = ""
    attribute_filter: str = ""
    status: Literal["active", "inactive"] = "active"


class Subscriptions(Entities):
    """The subscriptions of an org, by id.

    Attributes
    ----------
    activation_seconds, activation_reads
        The seconds and the reads for which a new or changed subscription remains `pending` before
        it gets its status; `math.inf` for ever. Meanwhile, a new subscription sends nothing, and a
        changed one sends as before the change.
    unique_names
        Whether the API refuses a second subscription with the same name.
    filter_errors
        The number of filter evaluations that failed and therefore matched nothing.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(SUBSCRIPTIONS, "subscription", SCOPES, clock)
        self.activation_seconds = 0.2
        self.activation_reads: float = 1
        self.unique_names = True
        self.filter_errors = 0
        self._reads_left: dict[str, float] = {}

    def seed(self, name: str, queue_arn: str = FOREIGN_ARN, **fields: Any) -> str:
        """Add a subscription without checks, which is active at once; return its id."""
        one = self.add(
            name=name,
            description="",
            eventTypes=["event:conversation:end"],
            attributeFilter="queueId = 'foreign'",
            destination={
                "type": "aws_sqs",
                "awsSqs": {"arn": queue_arn, "region": "us-east-1"},
            },
            status="active",
        )
        one |= fields
        self.enter(one, one["status"])
        return str(one["id"])

    def sending_to(self, queue_arn: str) -> list[Entity]:
        """Return the subscriptions whose destination is the queue."""
        return [one for one in self.values() if one["destination"]["awsSqs"]["arn"] == queue_arn]

    def answer(self, operation: str, request: Request) -> Answer:
        """Carry out a request and return the answer to it."""
        match operation:
            case "list":
                return self.page(request, self._read)
            case "create":
                fields = self._parse_unique(request)
                one = self.add(**fields)
                self.hide_from_lists(one)
                self._change(one, fields)
                return Answer(201, copy.deepcopy(one))
        one = self.find(request)
        match operation:
            case "read":
                return Answer(200, self._read(one))
            case "replace":
                self._change(one, self._parse_unique(request, one["id"]))
                return Answer(200, copy.deepcopy(one))
        del self[one["id"]]
        return Answer(204)

    def find_selecting(self, event: Mapping[str, Any]) -> list[Entity]:
        """Return the active subscriptions that select an event."""
        return [active for active in self.active.values() if self._selects(active, event)]

    def may_settle(self, subscription_id: str) -> bool:
        return self._reads_left[subscription_id] <= 0

    def enter(self, one: Entity, state: str) -> None:
        one["status"] = state
        if state == "active":
            self.active[one["id"]] = copy.deepcopy(one)

    def _change(self, one: Entity, fields: Entity) -> None:
        one |= {**copy.deepcopy(fields), "status": "pending"}
        self._reads_left[one["id"]] = self.activation_reads
        self.move(one, fields["status"], self.activation_seconds)

    def _read(self, one: Entity) -> Entity:
        if one["id"] in self._reads_left:
            self._reads_left[one["id"]] -= 1
        return copy.deepcopy(one)

    def _selects(self, active: Entity, event: Mapping[str, Any]) -> bool:
        if event.get("eventType") not in active["eventTypes"]:
            return False
        if not active["attributeFilter"]:
            return True
        try:
            return _compile(active["attributeFilter"]).evaluate(event.get("attributes")) is True
        except Exception:  # noqa: BLE001 - whatever it raises, the expression is at fault
            self.filter_errors += 1
            return False

    def _parse_unique(self, request: Request, own_id: str = "") -> Entity:
        """Return the fields of the subscription in a request; raise `Problem` if its name is taken.

        `own_id` is the id of the subscription that the request replaces; empty for a new one.
        """
        fields = _parse_subscription(request)
        names = {one["name"] for key, one in self.items() if key != own_id}
        if self.unique_names and fields["name"] in names:
            text = f"An event subscription named {fields['name']} exists already."
            raise Problem(409, "conflict", text)
        return fields


def _parse_subscription(request: Request) -> Entity:
    """Return the fields of the subscription in a request."""
    fields: Entity = msgspec.to_builtins(decode_body(request, _Subscription))
    queue = fields["destination"]["awsSqs"]
    if queue["arn"].split(":")[3] != queue["region"]:
        raise bad_request(f"destination.awsSqs: {queue['arn']} is not in {queue['region']}.")
    expression = fields["attributeFilter"]
    try:
        _compile(expression or "true")
    except Exception as error:  # noqa: BLE001 - whatever it raises, the expression is at fault
        raise bad_request(f"attributeFilter: {expression} is not JSONata: {error}") from None
    return fields


@cache
def _compile(expression: str) -> Jsonata:
    return Jsonata(expression)
