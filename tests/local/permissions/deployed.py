"""A deployed stack whose permissions can be taken away one by one."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger

from deadline import now_ms
from ledger_keys import REQUEST_SLOTS_KEY
from local.aws.policies import REFUSED
from local.aws.project import Deployment
from local.traffic.eventbridge import Conversation, partner_conversations
from tests.local.permissions.grants import ROLES, Grant, Place, grants_of, paths_of, without
from tests.local.stack.world import World

POLICY = "Permissions"
"""The name of the only policy of each role."""
FUNCTIONS = {"worker": "Worker", "watchdog": "Watchdog"}
"""The beginnings of the functions' logical ids, keyed by role; the provisioner's depends on the
delivery."""
_seeds = itertools.count(1)


@dataclass(frozen=True)
class Log:
    """What a function has logged, as text."""

    text: str

    @property
    def shows_refusal(self) -> bool:
        """Whether AWS has refused a request of the function."""
        return "AccessDenied" in self.text


@dataclass(frozen=True)
class Stack:
    """A deployed stack. Journeys act in the place of its mapping and of its schedule.

    Attributes
    ----------
    roles
        The names of the roles in AWS, keyed by the roles' names in the table.
    places
        Where the grants are in the roles' policies.
    """

    world: World
    stage: str
    delivery: str
    deployment: Deployment
    roles: dict[str, str] = field(default_factory=dict)
    places: dict[Grant, Place] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, stage: str, delivery: str, deployment: Deployment) -> Stack:
        """Return the stack of a deployment, after its mapping and its schedule are disabled."""
        stack = cls(world, stage, delivery, deployment)
        for logical_id, grants in grants_of(stack.template).items():
            role = ROLES[paths_of(stack.template)[logical_id]]
            stack.roles[role] = stack.physical_ids[logical_id]
            stack.places.update(grants)
        stack.set_mapping(enabled=False)
        stack.client("events").disable_rule(Name=stack.schedule)
        return stack

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template as it was deployed."""
        cloudformation = self.world.aws.client("cloudformation")
        body = cloudformation.get_template(StackName=self.name)["TemplateBody"]
        found: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
        return found

    @cached_property
    def physical_ids(self) -> dict[str, str]:
        """The physical ids of the resources, keyed by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for one in page["StackResourceSummaries"]
        }

    @property
    def name(self) -> str:
        return f"QueueEnds-{self.stage}"

    def client(self, service: str) -> Any:
        """Return a client with all permissions; the same one each time."""
        if service not in self._clients:
            self._clients[service] = self.world.aws.client(service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def client_as(self, role: str, service: str) -> Any:
        """Return a client with the permissions of a role; the same one each time."""
        if (role, service) not in self._role_clients:
            self._role_clients[role, service] = self._make_client_as(role, service)
        return self._role_clients[role, service]

    @cached_property
    def _role_clients(self) -> dict[tuple[str, str], Any]:
        return {}

    def _make_client_as(self, role: str, service: str) -> Any:
        arn = self.client("iam").get_role(RoleName=self.roles[role])["Role"]["Arn"]
        session = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="journey")
        key = session["Credentials"]
        make_client: Any = boto3.client  # typed for fixed names of services alone
        return make_client(
            service,
            region_name=self.world.aws.region,
            endpoint_url=self.world.aws.endpoint,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key["SessionToken"],
            verify=self.world.aws.environment["AWS_CA_BUNDLE"],
        )

    def function(self, role: str) -> str:
        """Return the name of the function that has a role."""
        source = "EventSource" if self.delivery == "eventbridge" else "Subscription"
        part = FUNCTIONS.get(role, f"{source}Provider")
        (name,) = (
            physical_id
            for logical_id, physical_id in self.physical_ids.items()
            if logical_id.startswith(part)
            and self.template["Resources"][logical_id]["Type"] == "AWS::Lambda::Function"
        )
        return name

    def variables(self, role: str) -> dict[str, str]:
        """Return the environment variables of the function that has a role."""
        function = self.client("lambda").get_function_configuration(
            FunctionName=self.function(role)
        )
        found: dict[str, str] = function["Environment"]["Variables"]
        return found

    def restart(self, role: str) -> None:
        """Make the function's next invocation a cold start, which knows no secret and no token."""
        variables = self.variables(role) | {"RESTARTED": uuid4().hex}
        self.client("lambda").update_function_configuration(
            FunctionName=self.function(role), Environment={"Variables": variables}
        )

    def invoke(self, role: str, event: Mapping[str, Any]) -> tuple[Any, Log]:
        """Invoke a function; return its answer and the end of its log."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function(role), Payload=json.dumps(event), LogType="Tail"
        )
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return json.loads(answer["Payload"].read() or "null"), Log(log)

    def policy(self, role: str) -> dict[str, Any]:
        """Return the policy document of a role."""
        found: dict[str, Any] = self.client("iam").get_role_policy(
            RoleName=self.roles[role], PolicyName=POLICY
        )["PolicyDocument"]
        return found

    @contextmanager
    def role_with(self, role: str, document: Mapping[str, Any]) -> Iterator[None]:
        """Give a role another policy document during the `with` block."""
        before = self.policy(role)
        self._put_policy(role, document)
        try:
            yield
        finally:
            self._put_policy(role, before)

    @contextmanager
    def lacking(self, grant: Grant) -> Iterator[None]:
        """Take a grant from its role during the `with` block."""
        with self.role_with(grant.role, without(self.policy(grant.role), self.places[grant])):
            yield

    def refused_actions(self) -> Callable[[], set[str]]:
        """Return a function that returns the actions that the emulator has refused since now."""
        log = self.world.aws.log_file
        start = log.stat().st_size

        def refused() -> set[str]:
            lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
            return {line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)}

        return refused

    def _put_policy(self, role: str, document: Mapping[str, Any]) -> None:
        self.client("iam").put_role_policy(
            RoleName=self.roles[role], PolicyName=POLICY, PolicyDocument=json.dumps(document)
        )

    def set_mapping(self, *, enabled: bool) -> None:
        """Enable or disable the event source mapping of the worker."""
        mapping = self.mapping()
        self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def mapping(self) -> dict[str, Any]:
        """Return the event source mapping of the worker."""
        (mapping,) = self.client("lambda").list_event_source_mappings(
            FunctionName=self.function("worker")
        )["EventSourceMappings"]
        return dict(mapping)

    @property
    def schedule(self) -> str:
        """The name of the rule that invokes the watchdog."""
        (name,) = (
            self.physical_ids[logical_id]
            for logical_id, resource in self.template["Resources"].items()
            if resource["Properties"].get("ScheduleExpression")
        )
        return name.rpartition("/")[2]

    def reset(self) -> None:
        """Empty the queues, and let the functions request conversations' details at once.

        Requests pause after a refused one, and would fail the next journey, too.
        """
        for output in ("QueueUrl", "DeadLetterQueueUrl"):
            self.client("sqs").purge_queue(QueueUrl=self.deployment.outputs[output])
        item = {"conversation_id": REQUEST_SLOTS_KEY, "queue_id": REQUEST_SLOTS_KEY}
        self.client("dynamodb").put_item(
            TableName=self.deployment.outputs["LedgerTableName"],
            Item={name: {"S": key} for name, key in item.items()}
            | {"next_at": {"N": str(now_ms() - 1_000)}},
        )


def new_conversation() -> Conversation:
    """Return a conversation that no journey has used before, which an agent has answered."""
    seed = 1_000_000 + next(_seeds)
    (conversation,) = partner_conversations(seed, 1, own_share=1, stories=("answered",))
    return conversation


def new_logger() -> tuple[Logger, io.StringIO]:
    """Return a logger for code of a function that runs in this process, and where it writes."""
    stream = io.StringIO()
    # Loggers with the same name share a stream.
    return Logger(service=uuid4().hex, stream=stream, level="INFO"), stream
