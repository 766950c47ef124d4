"""Genesys Cloud in memory, to be mounted on a scripted HTTP server: an org, its subscriptions."""

import copy
import itertools
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from genesys.client import LOGIN_PATH
from genesys.subscriptions import PATH
from local.http.messages import Answer, Request
from tests.fakes.clock import Clock

CLIENT_ID = "0f3c-client-id"
CLIENT_SECRET = "S3cr3t-0f-the-0rg"
BAD_FILTER = "queueId = ("


def problem(status: int, message: str, code: str = "error", **headers: str) -> Answer:
    """Return an error as Genesys Cloud words it."""
    return Answer(
        status,
        {"message": message, "code": code, "status": status, "errors": [], "details": []},
        {"ININ-Correlation-Id": "c0ffee-42", **headers},
    )


class FakeOrg(ABC):
    """What every request to an org has: logins, tokens, and answers that a test asks for.

    Attributes
    ----------
    operations
        What was asked, in order.
    """

    def __init__(self, clock: Clock) -> None:
        self.operations: list[str] = []
        self.tokens: set[str] = set()
        self.clock = clock
        self._instead: defaultdict[str, deque[tuple[Answer, bool]]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._before: dict[str, Callable[[], object]] = {}

    def instead(self, operation: str, *answers: Answer, carried_out: bool = False) -> None:
        """Give the operation's next requests these answers, carried out all the same or not."""
        self._instead[operation] += [(answer, carried_out) for answer in answers]

    def always(self, operation: str, answer: Answer | None) -> None:
        """Give all of the operation's requests this answer; None: no longer."""
        if answer:
            self._always[operation] = answer
        else:
            del self._always[operation]

    def before(self, operation: str, action: Callable[[], object]) -> None:
        """Have something happen right before the operation's next request is looked at."""
        self._before[operation] = action

    def __call__(self, asked: Request) -> Answer:
        operation = self.operation_of(asked)
        self.operations.append(operation)
        self._before.pop(operation, lambda: None)()
        if self._instead[operation]:
            answer, carried_out = self._instead[operation].popleft()
            if carried_out:
                self._carry_out(operation, asked)
            return answer
        return self._always.get(operation) or self._carry_out(operation, asked)

    def operation_of(self, asked: Request) -> str:
        """Return which operation a request is."""
        return "login" if asked.path == LOGIN_PATH else self._operation_of(asked)

    @abstractmethod
    def _operation_of(self, asked: Request) -> str:
        """Return which operation a request is that is no login."""

    @abstractmethod
    def _respond(self, operation: str, asked: Request) -> Answer:
        """Carry out an operation."""

    def _carry_out(self, operation: str, asked: Request) -> Answer:
        if operation == "login":
            return self._log_in(asked)
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return problem(401, "Invalid login credentials.", "bad.credentials")
        return self._respond(operation, asked)

    def _log_in(self, asked: Request) -> Answer:
        if (asked.form["client_id"], asked.form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return Answer(401, {"error": "invalid_client", "description": "authentication failed"})
        token = f"T0ken-number-{len(self.tokens) + 1}"
        self.tokens.add(token)
        return Answer(body={"access_token": token, "token_type": "bearer", "expires_in": 86400})


class FakeGenesys(FakeOrg):
    """An org with event subscriptions.

    Every request is one of the operations `login create list read replace delete`; `operations`
    has them in order.

    Attributes
    ----------
    unique_names
        Whether a second subscription of a name is refused with 409.
    reads_until_active
        A subscription is pending until it was read so often; None: for ever.
    visible_after
        Seconds until a new subscription is in lists.
    page_size
        The most that a page holds.
    page_count
        Whether lists tell how many pages there are.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.unique_names = True
        self.reads_until_active: int | None = 1
        self.visible_after = 0.0
        self.page_size = 3
        self.page_count = True
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self._ids = (f"sub-{number}" for number in itertools.count(1))
        self._visible_at: dict[str, float] = {}
        self._pending: dict[str, int | None] = {}

    def hold(self, name: str, queue_arn: str, **fields: Any) -> str:
        """Have a subscription already, and return its id."""
        subscription_id = next(self._ids)
        self.subscriptions[subscription_id] = {
            "id": subscription_id,
            "name": name,
            "description": "",
            "eventTypes": ["event:conversation:end"],
            "attributeFilter": "queueId = 'other'",
            "destination": {"type": "aws_sqs", "awsSqs": {"arn": queue_arn, "region": "eu-west-1"}},
            "status": "active",
            **fields,
        }
        return subscription_id

    def sending_to(self, queue_arn: str) -> list[dict[str, Any]]:
        """Return the subscriptions with that destination."""
        return [
            entity
            for entity in self.subscriptions.values()
            if entity["destination"]["awsSqs"]["arn"] == queue_arn
        ]

    def _operation_of(self, asked: Request) -> str:
        if asked.path == PATH:
            return {"POST": "create", "GET": "list"}[asked.method]
        return {"GET": "read", "PUT": "replace", "DELETE": "delete"}[asked.method]

    def _respond(self, operation: str, asked: Request) -> Answer:
        subscription_id = asked.path.rpartition("/")[2]
        if operation in ("read", "replace", "delete") and subscription_id not in self.subscriptions:
            return problem(404, "There is no such subscription.", "not.found")
        match operation:
            case "create":
                return self._create(asked.json)
            case "list":
                return self._list(asked)
            case "read":
                return Answer(body=self._read(subscription_id))
            case "replace":
                return self._replace(subscription_id, asked.json)
        del self.subscriptions[subscription_id]
        return Answer(204)

    def _create(self, body: dict[str, Any]) -> Answer:
        if refusal := self._refusal(body):
            return refusal
        taken = (entity["name"] for entity in self.subscriptions.values())
        if self.unique_names and body["name"] in taken:
            return problem(409, "A subscription of that name exists.", "conflict")
        subscription_id = next(self._ids)
        self.subscriptions[subscription_id] = {"id": subscription_id}
        self._visible_at[subscription_id] = self.clock.now + self.visible_after
        return Answer(201, self._set(subscription_id, body))

    def _list(self, asked: Request) -> Answer:
        visible = [
            entity
            for entity in self.subscriptions.values()
            if self._visible_at.get(entity["id"], 0) <= self.clock.now
        ]
        number = int(asked.query["pageNumber"])
        size = min(int(asked.query["pageSize"]), self.page_size)
        page: dict[str, Any] = {"entities": visible[(number - 1) * size : number * size]}
        if self.page_count:
            page["pageCount"] = -(-len(visible) // size)
        return Answer(body=page)

    def _read(self, subscription_id: str) -> dict[str, Any]:
        match self._pending.get(subscription_id):
            case 0:
                self.subscriptions[subscription_id]["status"] = "active"
            case int(reads):
                self._pending[subscription_id] = reads - 1
        return copy.deepcopy(self.subscriptions[subscription_id])

    def _replace(self, subscription_id: str, body: dict[str, Any]) -> Answer:
        refusal = self._refusal(body)
        return refusal or Answer(body=self._set(subscription_id, body))

    def _set(self, subscription_id: str, body: dict[str, Any]) -> dict[str, Any]:
        status = "active" if self.reads_until_active == 0 else "pending"
        self._pending[subscription_id] = self.reads_until_active
        self.subscriptions[subscription_id] |= copy.deepcopy(body) | {"status": status}
        return self.subscriptions[subscription_id]

    def _refusal(self, body: dict[str, Any]) -> Answer | None:
        if body["attributeFilter"] == BAD_FILTER:
            return problem(400, "attributeFilter cannot be parsed.", "bad.request")
        return None
